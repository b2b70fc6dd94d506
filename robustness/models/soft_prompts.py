"""Soft prompts in memory: embeddings of virtual tokens, or their keys and values in every layer.

Does not read files; see `adapters.py`.
"""

from dataclasses import dataclass

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer


class ReadOnce(DynamicLayer):  # type: ignore[misc]
    """Keys and values in front of rows that are read once; keeps none of the rows' own.

    A layer's are free as soon as it was computed, which in a batch of long rows is as much memory
    as its hidden states.
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of the start and of the rows."""
        keys = torch.cat([self.keys, key_states], dim=-2)
        return keys, torch.cat([self.values, value_states], dim=-2)


def as_cache(
    keys: tuple[torch.Tensor, ...], values: tuple[torch.Tensor, ...], rows: int,
    kind: type[DynamicLayer] = DynamicLayer,
) -> DynamicCache:
    """A KV cache with the same keys and values for each row of a batch, without copying them.

    Args:
        keys: One tensor per layer, (H, n, d) or (1, H, n, d).
        values: Likewise.
        rows: Number of prompts in the batch.
        kind: What becomes of the rows' own keys and values; by default they are kept, too.
    """
    cache = DynamicCache()
    for key, value in zip(keys, values, strict=True):
        layer = kind()
        layer.lazy_initialization(key, value)
        layer.keys = key.expand(rows, -1, -1, -1)
        layer.values = value.expand(rows, -1, -1, -1)
        cache.layers.append(layer)
    return cache


@dataclass(frozen=True, slots=True, eq=False)
class KeysValues:
    """A deep prefix (prefix tuning): keys and values of n virtual tokens in every layer."""

    keys: tuple[torch.Tensor, ...]
    """One tensor per layer, (H, n, d)."""
    values: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        """Number n of virtual tokens."""
        return int(self.keys[0].shape[1])

    def cache(self, rows: int) -> DynamicCache:
        """The prefix as a KV cache for a batch of `rows` prompts."""
        return as_cache(self.keys, self.values, rows)

    @classmethod
    def unpacked(cls, flat: torch.Tensor, *, layers: int, heads: int) -> "KeysValues":
        """Unpacks a deep prefix from PEFT's format.

        Args:
            flat: (n, layers x 2 x H x d): for each layer its keys, then its values.
            layers: Number of layers of the model.
            heads: Number H of key-value heads.
        """
        parts = flat.view(len(flat), layers * 2, heads, -1).permute(1, 2, 0, 3)
        return cls(tuple(parts[0::2]), tuple(parts[1::2]))


Front = torch.Tensor | KeysValues
"""(n, D) embeddings of virtual tokens, or their keys and values; `len` of either is n."""
