"""Scores all options of a prompt in one pass, and computes prefixes that prompts share only once.

Prompts that share their first tokens (an instruction on many inputs, or a soft prompt) form a
group. The shared prefix, the start, is computed once with batch size 1; this leaves keys and values
(1, H, front, d) in each layer. Every prompt of the group is then a row of a batch after them:

    keys and values of the start | padding | own tokens | option 1 | option 2 | padding
            front columns                 own columns

Rows are padded on the left, so that the last own token, which predicts each option's first token
and whose hidden state is the representation, is in the same column in every row: one slice gives
both for the whole batch.

Why the values are those of plain forward calls, one option at a time: in a decoder whose attention
reaches back over everything, a token's hidden state depends on the tokens that it sees and on its
position, and on nothing else. So
- the start's keys and values are the same whatever follows, and can be reused;
- own tokens and options are told their positions as if there were no padding and no other option
  (each option begins right behind the prompt);
- a mask (B, 1, Q, front + Q) lets a token see the start, the prompt's own tokens and its own option
  up to itself, neither padding nor other options.
An option's last token is predicted and never read, so an option of one token adds no column.

Does not decide whether this is right for a model; see `conditions.py` and `self_check.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from robustness.models.batching import Item, Read, grouped
from robustness.models.cached_forward import cache_of, cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.shared_prefix import Shared, shared_starts
from robustness.models.soft_prompts import Front, KeysValues, ReadOnce, as_cache

_PASS_TOKENS = 20.0
_PASS_LAYER_WEIGHTS = 1.4e7
"""One more pass on a CPU costs as much as 20 + 1.4e7 / (weights of a layer) tokens: measured on
layers of 0.2 and 1.8 million weights (85 and 27 tokens). In a small layer, calls dominate."""
_PASS_TOKENS_ELSEWHERE = 512.0
"""The same on a GPU, which needs many tokens for full use; an assumption, not measured."""
_START_COUNTS = 2
"""That many tokens of the start count as one in the budget of a row. They are read once, so that
they take almost no time; their keys and values, which each row has, are about half of the memory of
a token that is read."""
_OPTION_TOKENS = 256
"""Most option tokens in a row; more options are read in parts that share the prompt."""
_LOGITS_WEIGHT = 4
"""Weight of a position with logits in the budget, as these are as wide as the vocabulary."""


def cost_of_a_pass(checkpoint: Checkpoint) -> float:
    """Cost of one more pass through the model, in tokens."""
    if checkpoint.device.type != "cpu":
        return _PASS_TOKENS_ELSEWHERE
    model = checkpoint.model
    words = model.get_input_embeddings().weight.numel()
    # The model may contain the weights of LoRA adapters, too.
    own = sum(p.numel() for name, p in model.named_parameters() if ".lora_" not in name)
    return _PASS_TOKENS + _PASS_LAYER_WEIGHTS * max(1, checkpoint.layers) / int(own - words)


@dataclass(frozen=True, slots=True)
class Rows:
    """The packed rows of a batch: the prompts' own tokens, then their options."""

    ids: torch.Tensor
    """(B, Q) int64 token ids."""
    positions: torch.Tensor
    """(B, Q) int64 positions, counted from the first virtual token."""
    segments: torch.Tensor
    """(B, Q) int64: 0 at the prompt, n at its option n, -1 at padding."""
    own: int
    """Number of columns of own tokens; the last one predicts each option's first token."""

    def mask(self, front: int, dtype: torch.dtype) -> torch.Tensor:
        """(B, 1, Q, front + Q), added to attention scores: 0 where a token sees, else very low."""
        batch, width = self.segments.shape
        seen, seeing = self.segments[:, None, :], self.segments[:, :, None]
        # (B, Q, Q). Padding has segment -1: others do not see it, and it sees itself, since a row
        # of scores that are all very low would be a uniform average, or not a number.
        visible = ((seen == 0) | (seen == seeing)).tril()
        # The first `front` columns stay 0: every token sees the whole start.
        added = torch.zeros((batch, width, front + width), dtype=dtype, device=self.ids.device)
        added[:, :, front:].masked_fill_(~visible, torch.finfo(dtype).min)
        return added[:, None]


def lay_out(items: Sequence[Item], start: int, front: int, device: torch.device) -> Rows:
    """The packed rows of prompts, without their first `start` tokens.

    Args:
        items: B prompts, each longer than `start`.
        start: Length of the shared prefix, which is computed already.
        front: The same, including virtual tokens.
        device: Device of the rows.
    """
    own = max(len(item.ids) for item in items) - start
    # A row: token ids, positions, segments; (3, columns).
    rows: list[list[list[int]]] = []
    for item in items:
        mine = item.ids[start:]
        gap = own - len(mine)
        ids = [0] * gap + mine
        positions = [0] * gap + list(range(front, front + len(mine)))
        segments = [-1] * gap + [0] * len(mine)
        for number, option in enumerate(item.options, 1):
            inner = len(option) - 1  # The last token is predicted, never read.
            # Every option's positions go on from the prompt's end, not from the option before it.
            ids += option[:inner]
            positions += range(front + len(mine), front + len(mine) + inner)
            segments += [number] * inner
        rows.append([ids, positions, segments])
    width = max(len(row[0]) for row in rows)
    def filled(part: int, fill: int) -> torch.Tensor:
        return torch.tensor(
            [row[part] + [fill] * (width - len(row[part])) for row in rows], device=device
        )

    return Rows(ids=filled(0, 0), positions=filled(1, 0), segments=filled(2, -1), own=own)


def option_sums(items: Sequence[Item], logits: torch.Tensor) -> list[list[float]]:
    """Log-probability of each option, nats.

    Args:
        items: B prompts.
        logits: (B, 1 + P, V): after the prompt's last token, and after each packed option token.
    """
    # One entry for each option token of the batch: where its logits are, which token it is, and
    # which option it belongs to. Column 0 predicts the first token of every option of a row; the
    # K - 1 packed tokens of an option predict the K - 1 others, in order.
    rows, columns, tokens, owners = [], [], [], []
    owner = 0
    for row, item in enumerate(items):
        column = 1
        for option in item.options:
            inner = len(option) - 1
            rows += [row] * len(option)
            columns += [0, *range(column, column + inner)]
            tokens += option
            owners += [owner] * len(option)
            column += inner
            owner += 1
    if not owner:
        return [[] for _ in items]
    scores = logits[rows, columns].float().log_softmax(-1)
    picked = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None]).squeeze(1)
    # Summed in double precision, so that a long option does not depend on its batch.
    flat = iter(np.bincount(owners, weights=picked.cpu().double().numpy()).tolist())
    return [[next(flat) for _ in item.options] for item in items]


def in_parts(item: Item) -> Iterator[Item]:
    """Yields the item, or several with the same prompt if its options are too long for one row."""
    first, size = 0, 0
    for number, option in enumerate(item.options):
        if number > first and size + len(option) - 1 > _OPTION_TOKENS:
            yield Item(item.position, item.ids, item.options[first:number], first)
            first, size = number, 0
        size += len(option) - 1
    yield Item(item.position, item.ids, item.options[first:], first)


def _width(start: int, counted: int) -> Callable[[Item], int]:
    """A function that gives the weight of a prompt in the budget, beside its start's.

    Args:
        start: Length of the shared prefix, which is computed already.
        counted: The weight of the start.
    """

    def width(item: Item) -> int:
        packed = sum(len(option) - 1 for option in item.options)
        return max(len(item.ids) - start + packed, _LOGITS_WEIGHT * packed - counted)

    return width


class PackedScorer:
    """Implements `Scorer` for decoder-only models."""

    name = "packed"

    def __init__(
        self, checkpoint: Checkpoint, *, layer: int, batch_tokens: int, share: bool = True,
        pass_tokens: float | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            checkpoint: A decoder-only model.
            layer: Index into `hidden_states` of the representations.
            batch_tokens: Most tokens of a batch; half of those of the start count for each row.
            share: Whether to look for shared prefixes of texts; a soft prompt is always shared.
            pass_tokens: Number of tokens that sharing a prefix must save; None: the cost of one
                more pass through this model.
        """
        self._checkpoint = checkpoint
        self._layer = layer
        self._batch_tokens = batch_tokens
        self._share = share
        self._pass_tokens = cost_of_a_pass(checkpoint) if pass_tokens is None else pass_tokens

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Reads every item, group by group: see `Scorer.read`."""
        parts = [part for item in items for part in in_parts(item)]
        virtual = 0 if before is None else len(before)
        # A deep prefix has its keys and values; an input prefix is computed again with each start.
        overhead = self._pass_tokens + (0 if isinstance(before, KeysValues) else virtual)
        groups = shared_starts(parts, overhead) if self._share else [Shared(0, parts)]
        for group in groups:
            front = virtual + group.start
            cache = self._start(group, before) if front else None
            counted = front // _START_COUNTS
            width = _width(group.start, counted)
            for batch in grouped(group.items, counted, self._batch_tokens, width):
                yield self._read(batch, group.start, front, cache)

    def _start(self, group: Shared, before: Front | None) -> DynamicCache:
        """Keys and values (1, H, front, d) of every layer for the virtual tokens and the start.

        A deep prefix has them already and stands in front of the start's; an input prefix is
        embeddings, computed together with the start's.
        """
        model = self._checkpoint.model
        deep = before.cache(1) if isinstance(before, KeysValues) else None
        if deep is not None and not group.start:
            return deep
        first = group.items[0].ids[: group.start]
        ids = torch.tensor(first, dtype=torch.long, device=self._checkpoint.device)
        embeds = model.get_input_embeddings()(ids)
        if isinstance(before, torch.Tensor):
            embeds = torch.cat([before, embeds])
        out = cached_forward(
            model, deep, inputs_embeds=embeds[None], use_cache=True, logits_to_keep=1
        )
        cache: DynamicCache = cache_of(out)
        return cache

    def _read(
        self, batch: Sequence[Item], start: int, front: int, cache: DynamicCache | None
    ) -> Read:
        model = self._checkpoint.model
        rows = lay_out(batch, start, front, self._checkpoint.device)
        embeds = model.get_input_embeddings()(rows.ids)
        # From the last own token on: nothing before it predicts an option's token. Indices rather
        # than a number, since a slice of a batch makes the output layer slow.
        kept = torch.arange(rows.own - 1, rows.ids.shape[1], device=embeds.device)
        out = cached_forward(
            model,
            None if cache is None else repeated(cache, len(batch)),
            inputs_embeds=embeds,
            attention_mask=rows.mask(front, embeds.dtype),
            position_ids=rows.positions,
            use_cache=cache is not None,
            logits_to_keep=kept,
            output_hidden_states=True,
        )
        vectors = out.hidden_states[self._layer][:, rows.own - 1]
        return Read(batch, option_sums(batch, out.logits), vectors.float().cpu().numpy())


def repeated(cache: DynamicCache, rows: int) -> DynamicCache:
    """A cache of the same keys and values for each of `rows` rows; nothing is copied yet.

    The batch dimension is expanded with stride 0. A layer's own keys and values come behind it in a
    new tensor, so the start's are never written to and serve the next batch.
    """
    keys, values = zip(*((layer.keys, layer.values) for layer in cache.layers), strict=True)
    return as_cache(keys, values, rows, ReadOnce)
