"""Scores options of decoder-only models in padded batches of whole rows, prompt and option in each.

Recomputes the prompt for each of its options, so it is slower than `continued.py`; in exchange it
asks nothing of caches. Padding stands on the right alone: no token of a row has padding in front of
it, so that a model may count positions by slots, and a window of attention reaches as far as in a
row of its own.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from robustness.models.batching import Item, Read, grouped, padded
from robustness.models.cached_forward import cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers.conditions import rotation_switch
from robustness.models.scorers.unpadded import option_sum
from robustness.models.soft_prompts import Front, KeysValues


def rows_of(items: Sequence[Item]) -> list[Item]:
    """Each prompt once with each of its options; once where it has none."""
    return [
        Item(item.position, item.ids, [option], item.first + number)
        for item in items
        for number, option in enumerate(item.options)
    ] + [item for item in items if not item.options]


def row_ids(row: Item) -> list[int]:
    """What a model reads of a row: the option's last token is predicted, never read."""
    return [*row.ids, *(token for option in row.options for token in option[:-1])]


class PaddedScorer:
    """Implements `Scorer` for decoder-only models."""

    name = "padded"

    def __init__(self, checkpoint: Checkpoint, *, layer: int, batch_tokens: int) -> None:
        """Prepares without computing.

        Args:
            checkpoint: A decoder-only model.
            layer: Index into `hidden_states`.
            batch_tokens: Padded tokens that are computed together.
        """
        self._checkpoint = checkpoint
        self._layer = layer
        self._batch_tokens = batch_tokens
        self._switch = rotation_switch(checkpoint)
        self._positions = "position_ids" in inspect.signature(checkpoint.model.forward).parameters

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Every option of every item, the longest rows first: see `Scorer.read`."""
        virtual = 0 if before is None else len(before)

        def length(row: Item) -> int:
            return len(row_ids(row))

        rows = rows_of(items)
        # A rotation that the longest row of a batch decides must not meet rows of the other side.
        switch = self._switch or max(map(length, rows), default=0) + virtual
        short = [row for row in rows if virtual + length(row) <= switch]
        long = [row for row in rows if virtual + length(row) > switch]
        for side in (short, long):
            for batch in grouped(side, virtual, self._batch_tokens, length):
                yield self._read(batch, before)

    def _read(self, rows: Sequence[Item], before: Front | None) -> Read:
        """One batch: B rows, padded to T tokens, behind n virtual ones."""
        model, device = self._checkpoint.model, self._checkpoint.device
        ids, mask = (made.to(device) for made in padded([row_ids(row) for row in rows]))
        virtual = 0 if before is None else len(before)
        mask = torch.cat([mask.new_ones((len(rows), virtual)), mask], dim=1)
        # Columns in front of the prompt: virtual tokens that are embeddings, not keys and values.
        lead = virtual if isinstance(before, torch.Tensor) else 0
        arguments: dict[str, Any] = {"input_ids": ids}
        if isinstance(before, torch.Tensor):
            embeds = model.get_input_embeddings()(ids)
            front = before.expand(len(rows), -1, -1)
            arguments = {"inputs_embeds": torch.cat([front, embeds], dim=1)}
        if self._positions:
            arguments["position_ids"] = (mask.cumsum(-1) - 1)[:, virtual - lead :]
        deep = before.cache(len(rows)) if isinstance(before, KeysValues) else None
        arguments |= {
            "attention_mask": mask, "output_hidden_states": True, "use_cache": deep is not None,
        }
        out = model(**arguments) if deep is None else cached_forward(model, deep, **arguments)
        lasts = [lead + len(row.ids) - 1 for row in rows]
        logprobs = [
            [option_sum(logits[at : at + len(option)], option) for option in row.options]
            for row, at, logits in zip(rows, lasts, out.logits, strict=True)
        ]
        vectors = out.hidden_states[self._layer][range(len(rows)), lasts]
        return Read(rows, logprobs, vectors.float().cpu().numpy())
