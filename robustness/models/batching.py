"""Groups prompts of similar length within a budget of tokens, and pads them for one pass.

Token ids and embeddings in, batches out; does not call a model, see `scorers/`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from robustness.models.soft_prompts import Front
from robustness.types import FloatArray


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt as token ids."""

    position: int
    ids: list[int]
    options: list[list[int]]
    """Token ids of each option, the end of text included."""
    first: int = 0
    """Which of the prompt's options is `options[0]`, where the options are read in parts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Embedded prompts, padded on the right."""

    embeds: torch.Tensor
    """(B, T, D)."""
    mask: torch.Tensor
    """(B, C + T) int64."""
    lengths: torch.Tensor
    """(B,) int64, virtual tokens included."""
    cached: int = 0
    """C, virtual tokens that are there as keys and values alone, not among the embeddings."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one batch gave."""

    items: Sequence[Item]
    logprobs: list[list[float]]
    """Per item, one for each of its options, nats."""
    representations: FloatArray
    """(B, D) float32."""


def text_length(item: Item) -> int:
    """Tokens of the prompt alone."""
    return len(item.ids)


def grouped(
    items: Sequence[Item], virtual: int, budget: int, length: Callable[[Item], int] = text_length
) -> Iterator[list[Item]]:
    """Prompts of similar length together, within a budget of padded tokens.

    Args:
        items: In any order.
        virtual: Tokens in front of each.
        budget: Padded tokens a group; a single longer prompt is a group of its own.
        length: Tokens of one prompt.
    """
    group: list[Item] = []
    longest = 0
    for item in sorted(items, key=length, reverse=True):
        if group and longest * (len(group) + 1) > budget:
            yield group
            group = []
        if not group:
            longest = virtual + length(item)
        group.append(item)
    if group:
        yield group


def padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (R, K) padded on the right, and their mask (R, K), both int64."""
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return ids, mask


def embedded(
    items: Sequence[Item], lookup: torch.nn.Module, before: Front | None, device: torch.device
) -> Batch:
    """Whole prompts behind what stands in front of them.

    Args:
        items: B prompts.
        lookup: The model's input embeddings.
        before: The prefix; None for the original model.
        device: Where the model lies.
    """
    ids, mask = padded([item.ids for item in items])
    embeds, mask = lookup(ids.to(device)), mask.to(device)
    if before is None:
        return Batch(embeds, mask, mask.sum(dim=1))
    mask = torch.cat([mask.new_ones((len(items), len(before))), mask], dim=1)
    if not isinstance(before, torch.Tensor):
        return Batch(embeds, mask, mask.sum(dim=1), len(before))
    embeds = torch.cat([before.expand(len(items), -1, -1), embeds], dim=1)
    return Batch(embeds, mask, mask.sum(dim=1))
