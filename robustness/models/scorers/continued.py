"""Scores options of decoder-only models: one pass for padded prompts, a second for the options.

Prompts (B, T) are padded on the right and computed in one pass, which fills the KV cache. An
option's tokens are then computed after a copy of its prompt's cache: they are in slot T and the
following ones, with padding between prompt and option, so they are given the positions that they
would have without padding, and a mask that hides the padding. This is right for models that use
positions and mask as given. It is slower than `packed.py`, as the options need a second pass.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from robustness.models.batching import Batch, Item, Read, embedded, grouped, padded
from robustness.models.cached_forward import cache_of, cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues


class ContinuedScorer:
    """Implements `Scorer` for decoder-only models."""

    name = "continued"

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
        self._forward_keys = set(inspect.signature(checkpoint.model.forward).parameters)

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Reads every item, the longest first: see `Scorer.read`."""
        virtual = 0 if before is None else len(before)
        deep = before if isinstance(before, KeysValues) else None
        lookup = self._checkpoint.model.get_input_embeddings()
        for batch in grouped(items, virtual, self._batch_tokens):
            prompts = embedded(batch, lookup, before, self._checkpoint.device)
            yield self._read(batch, prompts, deep)

    def _known(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in arguments.items() if k in self._forward_keys}

    def _targets(self, options: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = padded(options)
        return ids.to(self._checkpoint.device), mask.to(self._checkpoint.device)

    def _read(self, batch: Sequence[Item], prompts: Batch, deep: KeysValues | None) -> Read:
        out = cached_forward(
            self._checkpoint.model,
            None if deep is None else deep.cache(len(batch)),
            **self._arguments(prompts),
            use_cache=deep is not None or any(item.options for item in batch),
            output_hidden_states=True,
        )
        rows = torch.arange(len(batch), device=self._checkpoint.device)
        at = prompts.lengths - 1 - prompts.cached
        vectors = out.hidden_states[self._layer][rows, at]
        if out.logits.shape[1] != prompts.embeds.shape[1]:
            at = torch.searchsorted(torch.unique(at), at)
        first = out.logits[rows, at].float().log_softmax(-1)
        cache = cache_of(out)
        logprobs: list[list[float]] = [[] for _ in batch]
        pairs = [(row, option) for row, item in enumerate(batch) for option in item.options]
        width = prompts.embeds.shape[1]
        step = max(1, 2 * self._batch_tokens // width)
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            sums = self._continued(part, prompts, cache, first)
            for (row, _), value in zip(part, sums.tolist(), strict=True):
                logprobs[row].append(value)
        return Read(batch, logprobs, vectors.float().cpu().numpy())

    def _arguments(self, prompts: Batch) -> dict[str, Any]:
        """The arguments of the first pass over the prompts that the model accepts."""
        last = torch.unique(prompts.lengths - 1 - prompts.cached)
        positions = (prompts.mask.cumsum(-1) - 1).clamp(0)[:, prompts.cached :]
        optional = {"position_ids": positions, "logits_to_keep": last}
        known = self._known(optional)
        return {"inputs_embeds": prompts.embeds, "attention_mask": prompts.mask} | known

    def _continued(
        self,
        pairs: Sequence[tuple[int, list[int]]],
        prompts: Batch,
        cache: DynamicCache,
        first: torch.Tensor,
    ) -> torch.Tensor:
        """Log-probability of each option, nats, computed from the prompts' KV cache."""
        rows = torch.tensor([row for row, _ in pairs], device=self._checkpoint.device)
        ids, mask = self._targets([option for _, option in pairs])
        total = first[rows].gather(1, ids[:, :1]).squeeze(1)
        if ids.shape[1] == 1:
            return total
        copied = DynamicCache()
        for number, layer in enumerate(cache.layers):
            copied.update(layer.keys[rows], layer.values[rows], number)
        steps = torch.arange(ids.shape[1] - 1, device=ids.device)
        optional = {"position_ids": prompts.lengths[rows][:, None] + steps}
        out = cached_forward(
            self._checkpoint.model,
            copied,
            input_ids=ids[:, :-1],
            attention_mask=torch.cat([prompts.mask[rows], mask[:, :-1]], dim=1),
            **self._known(optional),
        )
        rest = out.logits.float().log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)
        summed: torch.Tensor = total + (rest * mask[:, 1:]).sum(dim=1)
        return summed
