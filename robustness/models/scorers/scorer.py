"""The Protocol that every scorer fulfils."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from robustness.models.batching import Item, Read
from robustness.models.soft_prompts import Front


class Scorer(Protocol):
    """Computes option log-probabilities and representations with one model."""

    name: str
    """What people are told: `packed`, `continued`, `padded`, `encoder-decoder`, `one at a time`."""

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Every item once, in any order; each step is one batch, so that others get a turn.

        An item's options may come in parts: see `Item.first`.

        Args:
            items: Prompts.
            before: What stands in front of each, or None.
        """
        ...
