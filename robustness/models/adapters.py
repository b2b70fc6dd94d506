"""Adapters in PEFT's format, read and checked: input prefixes, deep prefixes, LoRA.

Each engine says itself which kinds it can serve. PEFT loads LoRA (see `peft_lora.py`); soft prompts
are read here, as they are put in front of prompts by this project's own batching.
"""

import importlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers.cache_utils import DynamicCache, DynamicLayer

from robustness import paths
from robustness.errors import CorruptFileError, MismatchError, NotFoundError
from robustness.models import checkpoint as checkpoints
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues
from robustness.models.turns import Switch
from robustness.storage import files

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_OWN_LAYOUT = ("bloom", "gpt_bigcode")
"""Families whose keys and values PEFT lays out in a way of their own."""
_TRAIN = "train it again with: python -m robustness align"


class Kind(StrEnum):
    """What an adapter does to a model."""

    INPUT = "input prefix"
    """Virtual tokens in front of the embeddings."""
    DEEP = "deep prefix"
    """Keys and values in front of every layer's."""
    LORA = "LoRA"
    """Low-rank matrices beside the linear layers."""


_KINDS = {
    "P_TUNING": Kind.INPUT, "PROMPT_TUNING": Kind.INPUT, "PREFIX_TUNING": Kind.DEEP,
    "LORA": Kind.LORA,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """What is put on a backbone, on its device."""

    name: str
    kind: Kind
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the weights."""
    prompt_format: str | None
    """What stood around the prompts that it was trained on; None: nobody wrote it down."""
    front: Front | None = None
    """What stands in front of a prompt; None for LoRA."""
    lora: Switch | None = None
    """Switches LoRA on and off in the model; None for the others."""

    @property
    def virtual(self) -> int:
        """Positions that it takes in front of a prompt."""
        return 0 if self.front is None else len(self.front)


def kind_of(folder: Path) -> Kind:
    """What kind of adapter a folder holds.

    Raises:
        NotFoundError, CorruptFileError: It has no configuration that can be read.
        MismatchError: Another kind than these.
    """
    found = files.read_json(folder / _CONFIG).get("peft_type", "P_TUNING")
    if found not in _KINDS:
        raise MismatchError(
            f"{folder / _CONFIG} is of peft_type {found!r}; what can be served: {', '.join(_KINDS)}"
        )
    return _KINDS[found]


def shipped(model: str | Path) -> dict[str, Path]:
    """Name -> folder of the adapters that ship for a model; none for any but the embedded one.

    Input prefixes come first, as every engine can serve them: the first is the default.
    """
    if checkpoints.model_id(model) != paths.BACKBONE_ID:
        return {}
    folders = [config.parent for config in paths.PREFIXES.glob(f"*/{_CONFIG}")]
    folders.sort(key=lambda folder: (kind_of(folder) is not Kind.INPUT, folder.name))
    return {folder.name: folder for folder in folders}


def obstacle(kind: Kind, checkpoint: Checkpoint) -> str | None:
    """Why a model in this process cannot take an adapter of a kind; None: it can."""
    if kind is not Kind.DEEP:
        return None
    if checkpoint.encoder_decoder:
        return "a deep prefix does not reach the encoder, which reads the instruction"
    config = checkpoint.model.config
    plain = all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    if not plain or config.model_type in _OWN_LAYOUT:
        return f"{checkpoint.id} keeps keys and values in a way that takes no deep prefix"
    return None


class Loader:
    """Loads adapters for one model."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Loads none yet.

        Args:
            checkpoint: The backbone that they belong to; LoRA adapters change its layers in place.
        """
        self._checkpoint = checkpoint
        self._lora: Any = None

    def load(self, name: str, folder: Path) -> Adapter:
        """Reads an adapter of any kind; PEFT is imported with the first LoRA adapter.

        Args:
            name: What it is called in the model id.
            folder: Holds `adapter_config.json` and `adapter_model.safetensors`.

        Raises:
            NotFoundError: A file is missing.
            CorruptFileError: A file cannot be read, or holds values that are not numbers.
            MismatchError: It is of another kind or shape than the model takes.
        """
        kind, checkpoint = kind_of(folder), self._checkpoint
        if kind is Kind.INPUT:
            prefix = checkpoints.load_prefix(name, folder, checkpoint)
            return Adapter(
                name=name, kind=kind, digest=prefix.digest, prompt_format=prefix.prompt_format,
                front=prefix.table,
            )
        if reason := obstacle(kind, checkpoint):
            raise MismatchError(f"{folder} cannot be put on {checkpoint.id}: {reason}")
        tensors = _tensors(folder / _WEIGHTS)
        return Adapter(
            name=name, kind=kind, digest=files.file_hash(folder / _WEIGHTS)[:16],
            prompt_format=checkpoints.trained_in(folder),
            front=_deep(name, tensors, checkpoint) if kind is Kind.DEEP else None,
            lora=self._peft().add(name, folder, tensors) if kind is Kind.LORA else None,
        )

    def _peft(self) -> Any:
        if self._lora is None:
            peft_lora = importlib.import_module("robustness.models.peft_lora")
            self._lora = peft_lora.PeftLora(self._checkpoint)
        return self._lora


def _tensors(weights: Path) -> dict[str, torch.Tensor]:
    if not weights.is_file():
        raise NotFoundError(f"{weights} does not exist; an adapter is a folder in PEFT's format")
    try:
        tensors: dict[str, torch.Tensor] = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{weights} cannot be read: {error}") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise CorruptFileError(f"{weights} holds values that are not numbers")
    return tensors


def key_shape(config: Any) -> tuple[int, int, int]:
    """Layers, heads of keys and values, and the width of one, in a decoder-only model."""
    heads = int(config.num_attention_heads)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    shared = getattr(config, "num_key_value_heads", None)
    return int(config.num_hidden_layers), int(shared or heads), width


def _deep(name: str, tensors: dict[str, torch.Tensor], checkpoint: Checkpoint) -> KeysValues:
    layers, heads, width = key_shape(checkpoint.model.config)
    table = tensors.get("prompt_embeddings")
    wanted = layers * 2 * heads * width
    if table is None or table.ndim != 2 or table.shape[1] != wanted:
        found = "none" if table is None else str(tuple(table.shape))
        raise MismatchError(
            f"the deep prefix {name} has prompt_embeddings of shape {found}, the model "
            f"{checkpoint.id} needs (n, {wanted}); {_TRAIN}"
        )
    like = checkpoint.model.get_input_embeddings().weight
    placed = table.to(device=checkpoint.device, dtype=like.dtype)
    return KeysValues.unpacked(placed, layers=layers, heads=heads)
