"""Forms batches: groups prompts of similar length within a budget of tokens, and pads them.

Does not run a model; see `scorers/`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from robustness.models.soft_prompts import Front
from robustness.types import FloatArray


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt and its options as token ids."""

    position: int
    ids: list[int]
    options: list[list[int]]
    """Token ids of each option, including the end of text."""
    first: int = 0
    """Index of `options[0]` among the prompt's options, if these are read in parts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of embedded prompts, padded on the right."""

    embeds: torch.Tensor
    """(B, T, D) input embeddings."""
    mask: torch.Tensor
    """(B, C + T) int64 attention mask: 0 at padding."""
    lengths: torch.Tensor
    """(B,) int64 lengths of the prompts, including virtual tokens."""
    cached: int = 0
    """C, the number of virtual tokens that are keys and values and not embeddings."""


@dataclass(frozen=True, slots=True)
class Read:
    """The scores and representations of a batch."""

    items: Sequence[Item]
    logprobs: list[list[float]]
    """Log-probabilities of each item's options, nats."""
    representations: FloatArray
    """(B, D) float32."""


def text_length(item: Item) -> int:
    """Number of tokens of the prompt without options."""
    return len(item.ids)


def grouped(
    items: Sequence[Item], virtual: int, budget: int, length: Callable[[Item], int] = text_length
) -> Iterator[list[Item]]:
    """Yields groups of prompts of similar length, within a budget of padded tokens.

    Args:
        items: Prompts in any order.
        virtual: Number of virtual tokens in front of each.
        budget: Most padded tokens of a group; a longer prompt forms a group alone.
        length: Gives the length of a prompt in tokens.
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
    """A batch of embedded prompts, after the soft prompt if there is one.

    Args:
        items: B prompts.
        lookup: The model's input embeddings.
        before: The soft prompt; None for the original model.
        device: Device of the model.
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
