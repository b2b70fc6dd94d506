"""A KV connector, loaded by vLLM, that returns the hidden states of a prompt's last positions.

Only this module and `vllm_scheduler.py` import vllm. Nothing is written to disk: the scheduler and
the worker share one process, so the scheduler's connector reads a request's states from the
worker's cache when the request ends, before its blocks are reused.
"""

import base64
from typing import Any

import torch
from vllm.config import get_layers_from_vllm_config
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    SupportsHMA,
)
from vllm.distributed.kv_transfer.kv_connector.v1.example_hidden_states_connector import (
    ExampleHiddenStatesConnector,
)
from vllm.model_executor.models.extract_hidden_states import CacheOnlyAttentionLayer

_caches: list[torch.Tensor] = []
"""(blocks, layers, block size, D); filled by the worker's connector, read by the scheduler's."""


class LastPositions(KVConnectorBase_V1, SupportsHMA):
    """Returns the states of N positions for `kv_transfer_params: {"last": N}` in a request."""

    def __init__(self, vllm_config: Any, role: Any, kv_cache_config: Any) -> None:
        """Finds the group of cache blocks that holds the hidden states."""
        super().__init__(vllm_config=vllm_config, role=role, kv_cache_config=kv_cache_config)
        example = ExampleHiddenStatesConnector
        self._group = example._find_cache_kv_group_id(kv_cache_config)
        self._size = example._get_cache_block_size(vllm_config, kv_cache_config, self._group)

    @classmethod
    def get_required_kvcache_layout(cls, vllm_config: Any) -> str:
        """The layout in which a token's states are contiguous, as in vLLM's own connector."""
        return "LBNHC"

    # The worker's side.

    def register_kv_caches(self, kv_caches: dict[str, torch.Tensor]) -> None:
        """Stores a reference to the cache of hidden states."""
        layers = get_layers_from_vllm_config(
            self._vllm_config, CacheOnlyAttentionLayer, list(kv_caches)
        )
        _caches[:] = [kv_caches[name] for name in layers]

    def start_load_kv(self, *_: Any, **__: Any) -> None:
        """Nothing is loaded."""

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Nothing is loaded."""

    def save_kv_layer(self, *_: Any, **__: Any) -> None:
        """The forward pass has filled the cache."""

    def wait_for_save(self) -> None:
        """Nothing is saved."""

    # The scheduler's side.

    def get_num_new_matched_tokens(self, request: Any, num_computed_tokens: int) -> Any:
        """No token comes from elsewhere."""
        return 0, False

    def update_state_after_alloc(self, *_: Any, **__: Any) -> None:
        """No token comes from elsewhere."""

    def build_connector_meta(self, scheduler_output: Any) -> KVConnectorMetadata:
        """Empty: the worker needs no data from the scheduler."""
        return KVConnectorMetadata()

    def request_finished(
        self, request: Any, block_ids: list[int]
    ) -> tuple[bool, dict[str, Any] | None]:
        """The states, float32 (N, layers, D) in base64, if the request asks for them."""
        wanted = (request.kv_transfer_params or {}).get("last")
        tokens = request.num_prompt_tokens
        computed = request.num_computed_tokens >= tokens and len(block_ids) * self._size >= tokens
        if not (isinstance(wanted, int) and 0 < wanted <= tokens and computed and _caches):
            return False, None
        positions = torch.arange(tokens - wanted, tokens)
        blocks = torch.tensor(block_ids)[positions // self._size]
        cache = _caches[0]
        rows = cache[blocks.to(cache.device), :, (positions % self._size).to(cache.device)]
        packed = rows.float().cpu().contiguous().numpy()
        return False, {
            "shape": list(packed.shape),
            "hidden_states": base64.b64encode(packed.tobytes()).decode(),
        }

    def request_finished_all_groups(
        self, request: Any, block_ids: tuple[list[int], ...]
    ) -> tuple[bool, dict[str, Any] | None]:
        """As `request_finished`, with several groups of cache blocks."""
        if not 0 <= self._group < len(block_ids):
            return False, None  # The request was never scheduled.
        return self.request_finished(request, block_ids[self._group])
