"""How a model is read: one technique per file, chosen by what the model allows.

Refuses to know engines, instructions and tasks.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from robustness.models.batching import Item, Read
from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers import matrix
from robustness.models.scorers.continued import ContinuedReader
from robustness.models.scorers.encoder_decoder import EncoderDecoderReader
from robustness.models.scorers.matrix import MatrixReader
from robustness.models.soft_prompts import Front


class Reader(Protocol):
    """Reads option log-probabilities and representations from one model."""

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Every item once, in any order; each step is one batch, so that others get a turn.

        An item's options may come in parts: see `Item.first`.

        Args:
            items: Prompts.
            before: What stands in front of each, or None.
        """
        ...


def reader_of(
    checkpoint: Checkpoint, *, layer: int, batch_tokens: int, share_starts: bool
) -> Reader:
    """The fastest reader that the model allows.

    Args:
        checkpoint: The model.
        layer: Index into the hidden states that representations are taken from.
        batch_tokens: Tokens that are computed together.
        share_starts: Whether the common start of prompts is computed once, where that can be.
    """
    if checkpoint.encoder_decoder:
        return EncoderDecoderReader(checkpoint, layer=layer, batch_tokens=batch_tokens)
    if matrix.fits(checkpoint):
        return MatrixReader(
            checkpoint, layer=layer, batch_tokens=batch_tokens, share=share_starts
        )
    return ContinuedReader(checkpoint, layer=layer, batch_tokens=batch_tokens)
