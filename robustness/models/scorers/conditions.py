"""What a model's configuration says that a few short prompts cannot show.

A shared start is computed apart from what follows it, and padding lies between it and the prompts'
own tokens. Neither matters where every layer attends to everything before it and a token's position
alone decides its rotation; both do where attention has a window, which counts slots, and where the
rotation changes with the length of the text. Does not handle what a few tokens show; see
`self_check.py`.
"""

from typing import Any

from transformers.cache_utils import DynamicCache, DynamicLayer

from robustness.models.checkpoint import Checkpoint

_WINDOWS = (
    "window_size", "attention_window", "attention_window_size", "local_attention_window",
    "attention_chunk_size",
)
"""Windows of attention that a model's cache does not know of."""
_CAPACITIES = ("expert_capacity",)
"""Tokens that an expert takes of a batch; those beyond it are left out."""
_CHANGING = ("longrope", "dynamic")


def _text_config(checkpoint: Checkpoint) -> Any:
    config = checkpoint.model.config
    return config if checkpoint.encoder_decoder else config.get_text_config(decoder=True)


def _rotations(config: Any) -> list[dict[str, Any]]:
    """The parameters of each kind of layer's rotary embedding."""
    found = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    nested = [value for value in found.values() if isinstance(value, dict)]
    return nested or [found]


def changing_rotation(checkpoint: Checkpoint) -> str | None:
    """The type of a rotary embedding that changes with the text's length; None: it has none."""
    for rotation in _rotations(_text_config(checkpoint)):
        kind = str(rotation.get("rope_type") or rotation.get("type") or "")
        if kind in _CHANGING:
            return kind
    return None


def rotation_switch(checkpoint: Checkpoint) -> int | None:
    """Tokens beyond which the rotation is another one; None: it never changes."""
    if changing_rotation(checkpoint) is None:
        return None
    config = _text_config(checkpoint)
    known = [r.get("original_max_position_embeddings") for r in _rotations(config)]
    known += [getattr(config, "original_max_position_embeddings", None)]
    return int(next(filter(None, known), checkpoint.context))


def window(checkpoint: Checkpoint) -> str | None:
    """What limits how far back the attention of a decoder-only model sees; None: nothing does."""
    config = _text_config(checkpoint)
    for name in _WINDOWS:
        if getattr(config, name, None):
            return f"its attention sees a limited number of tokens ({name})"
    if all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers):
        return None
    return "some of its layers do not attend to everything before them"


def apart(checkpoint: Checkpoint) -> str | None:
    """Why no part of a prompt may be computed apart from the rest; None: it may."""
    if kind := changing_rotation(checkpoint):
        return f"its rotary embedding ({kind}) changes with the length of the text"
    return window(checkpoint)


def capacity(checkpoint: Checkpoint) -> str | None:
    """Why prompts may not be computed together at all; None: they may."""
    config = _text_config(checkpoint)
    for name in _CAPACITIES:
        if getattr(config, name, None):
            return f"its experts take a limited number of tokens of a batch ({name})"
    if getattr(config, "attention_type", None) == "block_sparse":
        return "which tokens its attention sees depends on the padded length (block_sparse)"
    return None
