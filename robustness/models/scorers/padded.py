"""Scores options of decoder-only models in padded batches; each row is a prompt with one option.

It recomputes the prompt for each option, so it is slower than `continued.py`, but needs no KV
cache. Padding is only on the right, so no token has padding before it: it is right for models that
take positions from slots, and for sliding-window attention.
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
    """A row for each prompt with each of its options; one row if a prompt has none."""
    return [
        Item(item.position, item.ids, [option], item.first + number)
        for item in items
        for number, option in enumerate(item.options)
    ] + [item for item in items if not item.options]


def row_ids(row: Item) -> list[int]:
    """The input ids of a row: without the option's last token, which is only predicted."""
    return [*row.ids, *(token for option in row.options for token in option[:-1])]


class PaddedScorer:
    """Implements `Scorer` for decoder-only models."""

    name = "padded"

    def __init__(self, checkpoint: Checkpoint, *, layer: int, batch_tokens: int) -> None:
        """Computes nothing yet.

        Args:
            checkpoint: A decoder-only model.
            layer: Index into `hidden_states` of the representations.
            batch_tokens: Most padded tokens of a batch.
        """
        self._checkpoint = checkpoint
        self._layer = layer
        self._batch_tokens = batch_tokens
        self._switch = rotation_switch(checkpoint)
        self._positions = "position_ids" in inspect.signature(checkpoint.model.forward).parameters

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Reads every option of every item, the longest rows first: see `Scorer.read`."""
        virtual = 0 if before is None else len(before)

        def length(row: Item) -> int:
            return len(row_ids(row))

        rows = rows_of(items)
        # A batch must not mix rows of different rotations where the longest row decides it.
        switch = self._switch or max(map(length, rows), default=0) + virtual
        short = [row for row in rows if virtual + length(row) <= switch]
        long = [row for row in rows if virtual + length(row) > switch]
        for side in (short, long):
            for batch in grouped(side, virtual, self._batch_tokens, length):
                yield self._read(batch, before)

    def _read(self, rows: Sequence[Item], before: Front | None) -> Read:
        """Reads one batch: B rows, padded to T tokens, after n virtual ones."""
        model, device = self._checkpoint.model, self._checkpoint.device
        ids, mask = (made.to(device) for made in padded([row_ids(row) for row in rows]))
        virtual = 0 if before is None else len(before)
        mask = torch.cat([mask.new_ones((len(rows), virtual)), mask], dim=1)
        # Columns of virtual tokens, if these are embeddings and not keys and values.
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
