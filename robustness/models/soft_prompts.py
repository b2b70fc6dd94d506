"""Soft prompts: virtual tokens as embeddings, or as keys and values in every layer.

Does not read files; see `adapters.py`.
"""

from dataclasses import dataclass

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer


def as_cache(
    keys: tuple[torch.Tensor, ...], values: tuple[torch.Tensor, ...], rows: int
) -> DynamicCache:
    """A cache of the same keys and values for each of `rows` rows; nothing is copied yet.

    Args:
        keys: One a layer, (H, n, d) or (1, H, n, d).
        values: The same of the values.
        rows: Prompts behind it.
    """
    cache = DynamicCache()
    for key, value in zip(keys, values, strict=True):
        layer = DynamicLayer()
        layer.lazy_initialization(key, value)
        layer.keys = key.expand(rows, -1, -1, -1)
        layer.values = value.expand(rows, -1, -1, -1)
        cache.layers.append(layer)
    return cache


@dataclass(frozen=True, slots=True, eq=False)
class KeysValues:
    """A deep prefix: n virtual tokens as each layer's attention sees them (prefix tuning)."""

    keys: tuple[torch.Tensor, ...]
    """One a layer, (H, n, d)."""
    values: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        """Virtual tokens."""
        return int(self.keys[0].shape[1])

    def cache(self, rows: int) -> DynamicCache:
        """The cache that a model takes for a batch of `rows`."""
        return as_cache(self.keys, self.values, rows)

    @classmethod
    def unpacked(cls, flat: torch.Tensor, *, layers: int, heads: int) -> "KeysValues":
        """From PEFT's order of them.

        Args:
            flat: (n, layers x 2 x H x d): a layer's keys, then its values.
            layers: Of the model.
            heads: H, heads of keys and values.
        """
        parts = flat.view(len(flat), layers * 2, heads, -1).permute(1, 2, 0, 3)
        return cls(tuple(parts[0::2]), tuple(parts[1::2]))


Front = torch.Tensor | KeysValues
"""(n, D) embeddings of virtual tokens, or their keys and values; `len` of either is n."""
