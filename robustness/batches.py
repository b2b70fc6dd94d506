"""Prompts as token ids, grouped and padded, for one pass through a model.

Refuses to know models: ids and embeddings in, batches out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from robustness.types import FloatArray


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt as token ids."""

    position: int
    ids: list[int]
    options: list[list[int]]
    """Token ids of each option, the end of text included."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Embedded prompts, padded on the right."""

    embeds: torch.Tensor
    """(B, T, D)."""
    mask: torch.Tensor
    """(B, T) int64."""
    lengths: torch.Tensor
    """(B,) int64, virtual tokens included."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one batch gave: per prompt, option log-probabilities and the representation."""

    logprobs: list[list[float]]
    representations: FloatArray


def grouped(items: Sequence[Item], virtual: int, budget: int) -> Iterator[list[Item]]:
    """Prompts of similar length together, within a budget of padded tokens.

    Args:
        items: In any order.
        virtual: Virtual tokens in front of each.
        budget: Padded tokens a group; a single longer prompt is a group of its own.
    """
    group: list[Item] = []
    for item in sorted(items, key=lambda i: len(i.ids), reverse=True):
        longest = virtual + len(group[0].ids) if group else 0
        if group and longest * (len(group) + 1) > budget:
            yield group
            group = []
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
