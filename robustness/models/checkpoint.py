"""Loads a language model with its tokenizer, and checks that it can be used.

Does not compute with it; see `transformers_engine.py` and `scorers/`.
"""

import contextlib
import copy
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)
from transformers.utils import logging as transformers_logging

from robustness import paths
from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.models import chat_formats
from robustness.models.load_options import AUTO, PLAIN, Loading, pick_device, pick_dtype, pinned
from robustness.storage import files

_SAFE, _PICKLED = _WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_PICKLED_ALONE = (
    "the model {model} has its weights only in a pickled file ({files}), which can run code when "
    "it is read; save them as safetensors (save_pretrained of transformers does), or insist with "
    "--allow-pickle"
)
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftPrefix:
    """Virtual tokens that stand in front of the input's embeddings."""

    name: str
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the adapter's weights."""
    table: torch.Tensor
    """(n, D), in the model's dtype and on its device."""
    prompt_format: str | None
    """What stood around the prompts that it was trained on; None: nobody wrote it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A loaded model."""

    id: str
    revision: str
    """Hash of the weights (first 16 digits), or the hub's commit."""
    model: Any
    """In transformers' form; only its two ends where `load` was asked for them."""
    tokenizer: Any
    device: torch.device
    context: int
    """Tokens that fit in one input, virtual ones included."""
    encoder_decoder: bool
    end: int
    """Id of the tokenizer's end-of-text token; what ends an answer is the prompt format's `end`."""
    stops: frozenset[int]
    """Ids that end a generation."""
    layers: int
    """Hidden layers, also where they are not loaded."""
    decoder_start: int
    """Id that an encoder-decoder model's answer begins behind; no other model has one."""


def model_id(model: str | Path) -> str:
    """The served name: `steadfast-mini` for the embedded backbone, else the folder's or hub's."""
    path = Path(model)
    if path.is_dir():
        resolved = path.resolve()
        return paths.BACKBONE_ID if resolved == paths.BACKBONE.resolve() else resolved.name
    return str(model).rsplit("/", maxsplit=1)[-1]


def is_encoder_decoder(model: str | Path, loading: Loading | None = None) -> bool:
    """Whether a model is of that family; False where its configuration cannot be read."""
    options = (loading or PLAIN).options()
    try:
        return bool(AutoConfig.from_pretrained(str(model), **options).is_encoder_decoder)
    except (OSError, ValueError):
        return False


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weight files of a local model, 16 hexadecimal digits.

    Raises:
        NotFoundError: The folder holds no weights.
    """
    weights = sorted(f for pattern in _WEIGHTS for f in folder.glob(pattern))
    if not weights:
        raise NotFoundError(f"{folder} has no weights ({' or '.join(_WEIGHTS)})")
    digest = hashlib.sha256()
    for file in weights:
        digest.update(files.file_hash(file).encode())
    return digest.hexdigest()[:16]


_POSITIONS = (
    "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length",
    "max_seq_length", "max_sequence_length", "context_length", "max_context_length",
    "model_max_length",
)
"""What configurations call the tokens that fit a decoder; Bloom has seq_length, MPT max_seq_len."""
_ENCODER_POSITIONS = ("max_encoder_position_embeddings", "max_source_positions", *_POSITIONS)
"""The same of an encoder, which reads the prompt; LED has a length for each of its halves."""


def _text_config(config: Any) -> Any:
    """The part of a configuration that describes what reads the prompt."""
    if config.is_encoder_decoder:
        return getattr(config, "encoder", None) or config
    return config.get_text_config(decoder=True)


def _context(config: Any, tokenizer: Any) -> int:
    part = _text_config(config)
    parts = [part, getattr(part, "text_config", None) or part, config]
    for name in _ENCODER_POSITIONS if config.is_encoder_decoder else _POSITIONS:
        for one in parts:
            value = getattr(one, name, None)
            if isinstance(value, int) and value > 0:
                return value
    limit = int(getattr(tokenizer, "model_max_length", 0) or 0)
    return limit if 0 < limit < _UNLIMITED else 512


def _decoder_start(config: Any, generation: Any) -> int:
    """The token that an encoder-decoder model's answer begins behind, as in `generate`."""
    decoder = getattr(config, "decoder", None)
    for part in (generation, config, decoder):
        for name in ("decoder_start_token_id", "bos_token_id"):
            value = getattr(part, name, None)
            if isinstance(value, int):
                return value
    return 0


def _ids(value: int | Iterable[int] | None) -> set[int]:
    if value is None:
        return set()
    return {value} if isinstance(value, int) else set(value)


def _first_finite_fault(parameters: Iterable[tuple[str, torch.Tensor]]) -> str | None:
    return next((name for name, p in parameters if not bool(torch.isfinite(p).all())), None)


@contextlib.contextmanager
def _without_warnings(quiet: bool) -> Iterator[None]:
    """Keeps transformers from listing each layer that was left out on purpose."""
    before = transformers_logging.get_verbosity()
    if quiet:
        transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _without_layers(config: Any) -> Any:
    """The same model with nothing between its embedding table and its final norm."""
    bare = copy.deepcopy(config)
    bare.num_hidden_layers = 0
    if getattr(bare, "layer_types", None):
        bare.layer_types = []
    return bare


def _weights_allowed(model: str | Path, allow_pickle: bool) -> None:
    """Raises InputError where a folder has pickled weights alone and they were not asked for."""
    folder = Path(model)
    if allow_pickle or not folder.is_dir() or any(folder.glob(_SAFE)):
        return
    pickled = sorted(file.name for file in folder.glob(_PICKLED))
    if pickled:
        raise InputError(_PICKLED_ALONE.format(model=model, files=pickled[0]))


def _refused(model: str | Path, error: Exception) -> Exception:
    """Why transformers did not load a model, in the family's words."""
    if "trust_remote_code" in str(error):
        return InputError(
            f"the model {model} brings Python code of its own, which would run on this machine; "
            "read that code, then insist with --trust-remote-code (and --revision, so that it "
            "stays the code you have read)"
        )
    if isinstance(error, OSError) and "use_safetensors" in str(error):
        return InputError(_PICKLED_ALONE.format(model=model, files="pytorch_model.bin"))
    return NotFoundError(
        f"no model {str(model)!r}: neither a folder with a transformers model nor a hub name "
        f"that can be reached ({str(error).splitlines()[0]})"
    )


def load(
    model: str | Path,
    *,
    loading: Loading | None = None,
    device: str = AUTO,
    name: str | None = None,
    ends_only: bool = False,
) -> Checkpoint:
    """Loads a decoder-only or encoder-decoder model in evaluation mode.

    Args:
        model: A folder in transformers' format, or a hub name.
        loading: Revision, device, number type, and what it may run.
        device: Short for a `loading` that says nothing else.
        name: The served id; by default `model_id(model)`.
        ends_only: Loads a decoder-only model's embedding table, final norm and output head alone,
            for an engine that leaves the layers between them to somebody else.

    Raises:
        NotFoundError: Neither a folder nor a hub name that can be reached.
        CorruptFileError: The files cannot be read, or weights are not finite.
        InputError: The tokenizer has no end-of-text token, an encoder-decoder model has no ends,
            the device is not there, or the model would run pickled or remote code that was not
            asked for.
    """
    asked = loading or Loading(device=device)
    where = pick_device(asked.device)
    dtype = pick_dtype(asked.dtype, where)
    transformers_logging.disable_progress_bar()
    # Otherwise transformers asks a hub's service to convert pickled weights, unasked.
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "true"
    _weights_allowed(model, asked.allow_pickle)
    try:
        asked = pinned(model, asked)
        options = asked.options()
        config: Any = AutoConfig.from_pretrained(str(model), **options)
        tokenizer: Any = AutoTokenizer.from_pretrained(str(model), **options)
        family: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        taken = config
        if ends_only:
            if config.is_encoder_decoder:
                raise InputError(f"{model} is an encoder-decoder model; only decoders have ends")
            taken = _without_layers(config)
        with _without_warnings(ends_only):
            loaded = family.from_pretrained(
                str(model), config=taken, dtype=dtype,
                use_safetensors=None if asked.allow_pickle else True, **options,
            )
    except (SafetensorError, EOFError, RuntimeError, UnpicklingError) as error:
        raise CorruptFileError(f"the model {model} cannot be read: {error}") from error
    except (OSError, ValueError) as error:
        raise _refused(model, error) from error
    if fault := _first_finite_fault(loaded.named_parameters()):
        raise CorruptFileError(f"the model {model} has weights that are not numbers, in {fault}")
    end = tokenizer.eos_token_id
    if end is None:
        raise InputError(f"the tokenizer of {model} has no end-of-text token; set eos_token in it")
    path = Path(model)
    return Checkpoint(
        id=name or model_id(model),
        revision=weights_digest(path) if path.is_dir() else str(asked.revision),
        model=loaded.to(where).eval().requires_grad_(False),
        tokenizer=tokenizer,
        device=where,
        context=_context(config, tokenizer),
        encoder_decoder=bool(config.is_encoder_decoder),
        end=int(end),
        stops=frozenset(
            {int(end)} | _ids(loaded.generation_config.eos_token_id)
            | set(chat_formats.stop_ids(tokenizer))
        ),
        layers=int(getattr(_text_config(config), "num_hidden_layers", 0)),
        decoder_start=_decoder_start(config, loaded.generation_config),
    )


def trained_in(folder: Path) -> str | None:
    """The prompt format in the record of an alignment; `none` in older records."""
    record = folder / "training.json"
    return files.read_json(record).get("prompt_format", "none") if record.is_file() else None


def load_prefix(name: str, folder: Path, checkpoint: Checkpoint) -> SoftPrefix:
    """Reads a prefix in PEFT's adapter format.

    Args:
        name: What it is called in the model id.
        folder: Holds `adapter_config.json` and `adapter_model.safetensors`.
        checkpoint: The backbone that it is put in front of.

    Raises:
        NotFoundError: A file is missing.
        CorruptFileError: A file cannot be read, or holds values that are not numbers.
        MismatchError: It is no soft prefix, or is one for another width.
    """
    config = files.read_json(folder / "adapter_config.json")
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise NotFoundError(f"{weights} does not exist; a prefix is a PEFT adapter folder")
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{weights} cannot be read: {error}") from error
    table = tensors.get("prompt_embeddings")
    if table is None:
        raise MismatchError(
            f"{weights} has no prompt_embeddings (found {', '.join(tensors) or 'nothing'}); "
            "only P-tuning and prompt-tuning adapters can be put in front of a model"
        )
    embeddings = checkpoint.model.get_input_embeddings().weight
    if table.ndim != 2 or table.shape[1] != embeddings.shape[1]:
        raise MismatchError(
            f"the prefix {name} has shape {tuple(table.shape)}, the model {checkpoint.id} needs "
            f"(n, {embeddings.shape[1]}); train it again with: python -m robustness align"
        )
    if not bool(torch.isfinite(table).all()):
        raise CorruptFileError(f"{weights} holds values that are not numbers")
    # PEFT stores one table for the encoder and one for the decoder; the second is never trained.
    rows = int(config.get("num_virtual_tokens") or table.shape[0])
    return SoftPrefix(
        name=name,
        digest=files.file_hash(weights)[:16],
        table=table[:rows].to(device=checkpoint.device, dtype=embeddings.dtype),
        prompt_format=trained_in(folder),
    )
