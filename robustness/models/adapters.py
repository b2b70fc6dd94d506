"""Loads adapters in PEFT's format: input prefixes (soft prompts), deep prefixes, and LoRA.

Prefixes are read here, because this project's own batching puts them in front of prompts. PEFT
itself loads LoRA; see `peft_lora`.
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
from robustness.models import papers
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues
from robustness.models.turns import Switch
from robustness.storage import files

CONFIG = "adapter_config.json"
"""Name of the file with an adapter's configuration."""
_WEIGHTS = "adapter_model.safetensors"
_OWN_LAYOUT = ("bloom", "gpt_bigcode")
"""Model families for which PEFT arranges keys and values differently."""
_TRAIN = "train it again with: python -m robustness align"


class Kind(StrEnum):
    """The kinds of adapters, by what they add to a model."""

    INPUT = "input prefix"
    """Virtual tokens in front of the input embeddings (prompt tuning, P-tuning)."""
    DEEP = "deep prefix"
    """Keys and values in front of those of every layer (prefix tuning)."""
    LORA = "LoRA"
    """Low-rank matrices beside the linear layers."""


_KINDS = {
    "P_TUNING": Kind.INPUT, "PROMPT_TUNING": Kind.INPUT, "PREFIX_TUNING": Kind.DEEP,
    "LORA": Kind.LORA,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """A loaded adapter, on the device of its backbone."""

    name: str
    kind: Kind
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the weights."""
    prompt_format: str | None
    """Chat format of the prompts that it was trained on; None: not recorded."""
    front: Front | None = None
    """The prefix in front of a prompt; None for LoRA."""
    lora: Switch | None = None
    """Switches LoRA on and off in the model; None for prefixes."""

    @property
    def virtual(self) -> int:
        """Number of positions that it takes in front of a prompt; 0 for LoRA."""
        return 0 if self.front is None else len(self.front)


def kind_of(folder: Path) -> Kind:
    """The kind of the adapter in a folder.

    Raises:
        NotFoundError, CorruptFileError: The folder has no readable configuration.
        MismatchError: The adapter is of a kind that is not supported.
    """
    found = str(files.read_object(folder / CONFIG).get("peft_type", "P_TUNING"))
    if found not in _KINDS:
        raise MismatchError(
            f"{folder / CONFIG} is of peft_type {found!r}; what can be served: {', '.join(_KINDS)}"
        )
    return _KINDS[found]


def shipped(model: str | Path) -> dict[str, Path]:
    """Name -> folder of the adapters that ship for a model; empty where none do.

    They ship for the embedded backbone, and beside the difference of a tuned one. Input prefixes
    come first, since every engine can serve them; the first is the default.
    """
    found = papers.shipped(model)
    if found is None:
        return {}
    beside = paths.PREFIXES if found == paths.BACKBONE else found / "prefixes"
    folders = [config.parent for config in beside.glob(f"*/{CONFIG}")]
    folders.sort(key=lambda folder: (kind_of(folder) is not Kind.INPUT, folder.name))
    return {folder.name: folder for folder in folders}


def obstacle(kind: Kind, checkpoint: Checkpoint) -> str | None:
    """Why a transformers model cannot have an adapter of a kind; None where it can."""
    if kind is not Kind.DEEP:
        return None
    if checkpoint.encoder_decoder:
        return "a deep prefix does not reach the encoder, which reads the instruction"
    config = checkpoint.model.config
    plain = all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    if not plain or config.model_type in _OWN_LAYOUT:
        return f"{checkpoint.id} keeps keys and values in a way that takes no deep prefix"
    return None


def obstacle_in(folder: Path, checkpoint: Checkpoint) -> str | None:
    """Why a transformers model cannot have the adapter in a folder; None where it can."""
    return obstacle(kind_of(folder), checkpoint)


class Loader:
    """Loads adapters for one model."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Loads no adapter yet.

        Args:
            checkpoint: The backbone of the adapters; LoRA changes its layers in place.
        """
        self._checkpoint = checkpoint
        self._lora: Any = None

    def load(self, name: str, folder: Path) -> Adapter:
        """Loads an adapter of any kind; PEFT is imported with the first LoRA adapter.

        Args:
            name: Its name in the model id.
            folder: Folder with `adapter_config.json` and `adapter_model.safetensors`.

        Raises:
            NotFoundError: A file is missing.
            CorruptFileError: A file is malformed, or holds values that are not finite.
            MismatchError: The adapter's kind or shape does not fit the model.
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
        tensors = read_tensors(folder)
        return Adapter(
            name=name, kind=kind, digest=digest_of(folder),
            prompt_format=checkpoints.trained_in(folder),
            front=_deep(name, tensors, checkpoint) if kind is Kind.DEEP else None,
            lora=self._peft().add(name, folder, tensors) if kind is Kind.LORA else None,
        )

    def _peft(self) -> Any:
        if self._lora is None:
            peft_lora = importlib.import_module("robustness.models.peft_lora")
            self._lora = peft_lora.PeftLora(self._checkpoint)
        return self._lora


def digest_of(folder: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of an adapter's weights."""
    return files.file_hash(folder / _WEIGHTS)[:16]


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of the adapter in a folder, by PEFT's names.

    Raises:
        NotFoundError: There are none.
        CorruptFileError: They are malformed, or hold values that are not finite.
    """
    weights = folder / _WEIGHTS
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
    """(layers, key-value heads, dimension of a head) of a decoder-only model's configuration."""
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
