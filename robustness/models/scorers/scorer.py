"""The Protocol of scorers."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from robustness.models.batching import Item, Read
from robustness.models.soft_prompts import Front


class Scorer(Protocol):
    """Computes option log-probabilities and representations with one model."""

    name: str
    """Name for users: `packed`, `continued`, `padded`, `encoder-decoder` or `one at a time`."""

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Yields the scores of the items, batch by batch, in any order.

        The options of an item may be in several batches: see `Item.first`. Between two batches,
        the engine can serve other requests.

        Args:
            items: Prompts with their options.
            before: The soft prompt in front of each; None: there is none.
        """
        ...
