"""LoRA adapters that vLLM applies by itself: which ones it can, and how it is told of them.

For LoRA on the transformers engine see `robustness/models/peft_lora.py`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from robustness.models import adapters, checkpoint
from robustness.models.adapters import Adapter, Kind
from robustness.models.checkpoint import Checkpoint
from robustness.models.model_registry import Served
from robustness.storage import files

_ELSEWHERE = "take --engine transformers"
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values of `--max-lora-rank`."""
_REASONS = {
    "use_dora": "vLLM applies no DoRA",
    "modules_to_save": "vLLM replaces no whole modules",
    "lora_bias": "vLLM applies no biases of LoRA",
    "alora_invocation_tokens": "vLLM starts no LoRA in the middle of a prompt",
    "layer_replication": "vLLM repeats no layers",
    "use_bdlora": "vLLM applies no block-diagonal LoRA",
    "use_qalora": "vLLM applies no QALoRA",
    "trainable_token_indices": "vLLM replaces no single tokens",
    "target_parameters": "vLLM adapts whole modules only",
    "arrow_config": "vLLM mixes no adapters",
}
"""Key of PEFT's configuration -> why vLLM cannot serve an adapter that uses it."""
_HARMLESS_STARTS = (True, False, "gaussian", "eva", "orthogonal", "mica")
"""Values of `init_lora_weights` that leave the model's own weights as they are."""
_KNOWN = {
    "inference_mode", "target_modules", "exclude_modules", "layers_to_transform",
    "layers_pattern", "rank_pattern", "alpha_pattern", "use_rslora", "init_lora_weights",
    "fan_in_fan_out", "auto_mapping",
}  # fmt: skip
"""Switches, lists and tables that vLLM follows, or that say how an adapter was trained."""
_PARTS = (".lora_A.weight", ".lora_B.weight")


def obstacle(folder: Path, ends: Checkpoint) -> str | None:
    """Why vLLM cannot serve the adapter in a folder; None where it can.

    Args:
        folder: An adapter in PEFT's format.
        ends: The first and last layers of the model.
    """
    kind = adapters.kind_of(folder)
    if kind is Kind.INPUT:
        return None
    if kind is not Kind.LORA:
        return f"a {kind} is served by the transformers engine only; {_ELSEWHERE}"
    reason = next(_obstacles(folder, ends), None)
    return None if reason is None else f"{reason}; {_ELSEWHERE}"


def _obstacles(folder: Path, ends: Checkpoint) -> Iterator[str]:
    config = files.read_object(folder / adapters.CONFIG)
    for key, value in config.items():
        if key in _REASONS and value:
            yield f"it uses {key}, and {_REASONS[key]}"
        # Numbers and words belong to a feature that another key turns on.
        elif key not in _KNOWN and value and isinstance(value, bool | list | dict):
            yield f"it uses {key}, which vLLM does not know"
    if (bias := config.get("bias", "none")) != "none":
        yield f"it has bias={bias!r}, and vLLM changes no biases of the model"
    if (start := config.get("init_lora_weights", True)) not in _HARMLESS_STARTS:
        yield f"it has init_lora_weights={start!r}, which changes the weights of the model itself"
    if (rank := _rank(config)) > _RANKS[-1]:
        yield f"it has rank {rank}, and vLLM takes at most {_RANKS[-1]}"
    model = ends.model
    own = {id(model.get_input_embeddings()), id(model.get_output_embeddings())}
    here = {name for name, module in model.named_modules() if id(module) in own}
    for key in adapters.read_tensors(folder):
        path = key.removeprefix("base_model.model.").partition(".lora_")[0]
        if not key.endswith(_PARTS):
            yield f"it brings {key}, and vLLM takes pairs of lora_A and lora_B only"
        elif path in here:
            yield f"it changes {path}, which this server computes itself"


def _rank(config: Mapping[str, Any]) -> int:
    return max([int(config.get("r", 8)), *map(int, (config.get("rank_pattern") or {}).values())])


class Loader(adapters.Loader):
    """Loads prefixes; of LoRA adapters, which vLLM loads, only what identifies them."""

    def load(self, name: str, folder: Path) -> Adapter:
        """An adapter of any kind: see `adapters.Loader.load`."""
        if adapters.kind_of(folder) is not Kind.LORA:
            return super().load(name, folder)
        return Adapter(
            name=name, kind=Kind.LORA, prompt_format=checkpoint.trained_in(folder),
            digest=adapters.digest_of(folder),
        )


def arguments(served: Served, prefixes: Mapping[str, Path]) -> list[str]:
    """Arguments of vLLM for the LoRA adapters that are served; none where there are none.

    Each has its id here as its name in vLLM.

    Args:
        served: The served models.
        prefixes: Name -> folder of the adapters.
    """
    chosen = {
        f"{served.checkpoint.id}+{a.name}": prefixes[a.name]
        for a in served.adapters if a.kind is Kind.LORA
    }
    if not chosen:
        return []
    highest = max(_rank(files.read_object(f / adapters.CONFIG)) for f in chosen.values())
    modules = [
        json.dumps({"name": served_id, "path": str(folder.resolve())})
        for served_id, folder in chosen.items()
    ]
    return [
        "--enable-lora", "--max-loras", str(len(chosen)),
        "--max-lora-rank", str(next(r for r in _RANKS if r >= highest)),
        "--lora-modules", *modules,
    ]
