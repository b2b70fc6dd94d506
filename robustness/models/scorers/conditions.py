"""Finds in a model's configuration what forbids a scorer and shows only in long texts.

The packed scorer computes a shared prefix separately, with padding between it and the prompts' own
tokens. This gives the same values where every layer attends to all tokens before and the rotary
embedding depends on a token's position only; it does not with sliding-window attention, which
counts slots, or where the rotation changes with the length of the text. For what a few tokens show
see `self_check.py`.
"""

from typing import Any

from transformers.cache_utils import DynamicCache, DynamicLayer

from robustness.models.checkpoint import Checkpoint

_WINDOWS = (
    "window_size", "attention_window", "attention_window_size", "local_attention_window",
    "attention_chunk_size",
)
"""Names of attention windows that the KV cache does not handle."""
_CAPACITIES = ("expert_capacity",)
"""Names of the number of tokens in a batch that an expert computes; it drops further ones."""
_CHANGING = ("longrope", "dynamic")


def _text_config(checkpoint: Checkpoint) -> Any:
    config = checkpoint.model.config
    return config if checkpoint.encoder_decoder else config.get_text_config(decoder=True)


def _rotations(config: Any) -> list[dict[str, Any]]:
    """The parameters of the rotary embeddings of each kind of layer."""
    found = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    nested = [value for value in found.values() if isinstance(value, dict)]
    return nested or [found]


def changing_rotation(checkpoint: Checkpoint) -> str | None:
    """The type of a rotary embedding that changes with the text's length; None: there is none."""
    for rotation in _rotations(_text_config(checkpoint)):
        kind = str(rotation.get("rope_type") or rotation.get("type") or "")
        if kind in _CHANGING:
            return kind
    return None


def rotation_switch(checkpoint: Checkpoint) -> int | None:
    """Number of tokens from which on the rotation differs; None: it does not change."""
    if changing_rotation(checkpoint) is None:
        return None
    config = _text_config(checkpoint)
    known = [r.get("original_max_position_embeddings") for r in _rotations(config)]
    known += [getattr(config, "original_max_position_embeddings", None)]
    return int(next(filter(None, known), checkpoint.context))


def window(checkpoint: Checkpoint) -> str | None:
    """What limits the attention of a decoder-only model to recent tokens; None: nothing."""
    config = _text_config(checkpoint)
    for name in _WINDOWS:
        if getattr(config, name, None):
            return f"its attention sees a limited number of tokens ({name})"
    if all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers):
        return None
    return "some of its layers do not attend to everything before them"


def apart(checkpoint: Checkpoint) -> str | None:
    """Why a prefix of a prompt cannot be computed separately; None: it can."""
    if kind := changing_rotation(checkpoint):
        return f"its rotary embedding ({kind}) changes with the length of the text"
    return window(checkpoint)


def capacity(checkpoint: Checkpoint) -> str | None:
    """Why prompts cannot be computed in batches; None: they can."""
    config = _text_config(checkpoint)
    for name in _CAPACITIES:
        if getattr(config, name, None):
            return f"its experts take a limited number of tokens of a batch ({name})"
    if getattr(config, "attention_type", None) == "block_sparse":
        return "which tokens its attention sees depends on the padded length (block_sparse)"
    return None
