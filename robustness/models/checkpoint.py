"""Loads a transformers model with its tokenizer, and checks that it can be used.

Does not run the model; see `transformers_engine.py` and `scorers/`.
"""

import contextlib
import copy
import gc
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

from robustness.errors import (
    CorruptFileError,
    InputError,
    MismatchError,
    NotFoundError,
    RobustnessError,
)
from robustness.models import chat_formats, papers
from robustness.models.load_options import AUTO, PLAIN, Loading
from robustness.models.placement import pick_device, pick_dtype, pinned
from robustness.storage import files, provenance

_SAFE, _PICKLED = _WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_PICKLED_ALONE = (
    "the model {model} has its weights only in a pickled file ({files}), which can run code when "
    "it is read; save them as safetensors (save_pretrained of transformers does), or insist with "
    "--allow-pickle"
)
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftPrefix:
    """A soft prompt: virtual tokens in front of the input embeddings."""

    name: str
    digest: str
    """First 16 hexadecimal digits of the SHA-256 of the adapter's weights."""
    table: torch.Tensor
    """(n, D) embeddings, in the model's number type and on its device."""
    prompt_format: str | None
    """Chat format of the prompts that it was trained on; None: not recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A loaded model with its tokenizer."""

    id: str
    revision: str
    """Hash of the weights (first 16 digits), or the commit on the hub."""
    model: Any
    """The transformers model; without its layers where `load` was called with `ends_only`."""
    tokenizer: Any
    device: torch.device
    context: int
    """Number of tokens that fit in one input, including virtual ones."""
    encoder_decoder: bool
    end: int
    """Id of the tokenizer's end-of-text token; what ends an answer is the prompt format's `end`."""
    stops: frozenset[int]
    """Ids of the tokens that end generation."""
    layers: int
    """Number of hidden layers of the model, also where they are not loaded."""
    decoder_start: int
    """Id of the token that an encoder-decoder model's decoder starts from; unused otherwise."""


def is_encoder_decoder(model: str | Path, loading: Loading | None = None) -> bool:
    """Whether a model is an encoder-decoder; False where its configuration cannot be read."""
    options = (loading or PLAIN).options()
    try:
        return bool(AutoConfig.from_pretrained(str(model), **options).is_encoder_decoder)
    except (OSError, ValueError):
        return False


def weights_digest(folder: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 over a model's weight files.

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
    """Silences transformers' warnings about layers that are left out on purpose."""
    before = transformers_logging.get_verbosity()
    if quiet:
        transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _without_layers(config: Any) -> Any:
    """The configuration without layers between the embedding table and the final norm."""
    bare = copy.deepcopy(config)
    bare.num_hidden_layers = 0
    if getattr(bare, "layer_types", None):
        bare.layer_types = []
    return bare


def _weights_allowed(model: str | Path, allow_pickle: bool) -> None:
    """Raises InputError where a folder has only pickled weights and they are not allowed."""
    folder = Path(model)
    if allow_pickle or not folder.is_dir() or any(folder.glob(_SAFE)):
        return
    pickled = sorted(file.name for file in folder.glob(_PICKLED))
    if pickled:
        raise InputError(_PICKLED_ALONE.format(model=model, files=pickled[0]))


def _refused(model: str | Path, error: Exception) -> Exception:
    """The error of this project for an error of transformers while loading a model."""
    if "trust_remote_code" in str(error):
        return InputError(
            f"the model {model} needs Python code from its repository, which would run here; "
            "read that code, then allow it with --trust-remote-code (and --revision, so that it "
            "stays the code you have read)"
        )
    if isinstance(error, OSError) and "use_safetensors" in str(error):
        return InputError(_PICKLED_ALONE.format(model=model, files="pytorch_model.bin"))
    return NotFoundError(
        f"no model {str(model)!r}: neither a folder with a transformers model nor a hub name "
        f"that can be reached ({str(error).splitlines()[0]})"
    )


@contextlib.contextmanager
def _told(model: str | Path) -> Iterator[None]:
    """Turns an error while a model is loaded into one of this project's."""
    try:
        yield
    except RobustnessError:
        raise
    except (SafetensorError, EOFError, RuntimeError, UnpicklingError) as error:
        raise CorruptFileError(f"the model {model} cannot be read: {error}") from error
    except (OSError, ValueError) as error:
        raise _refused(model, error) from error
    except Exception as error:
        # transformers and tokenizers raise errors of any kind where a file is damaged.
        raise CorruptFileError(
            f"the model {model} cannot be read: {type(error).__name__}: {error}"
        ) from error


@contextlib.contextmanager
def _collected_later() -> Iterator[None]:
    """Keeps Python from looking for garbage while a model is loaded.

    transformers imports some 1,400 modules with the first model. Their many lasting objects would
    be passed over again and again, which takes a fifth of the time of loading a small model.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_collected_later()
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
        model: A folder in transformers' format, or a name on the hub.
        loading: Revision, device, number type, and which code may run.
        device: The device, where `loading` is not given.
        name: The model's id; by default `papers.model_id(model)`.
        ends_only: Loads only the embedding table, the final norm and the output head of a
            decoder-only model, for an engine (vLLM) that runs the layers elsewhere.

    Raises:
        NotFoundError: There is no such folder, and no such name on the hub.
        CorruptFileError: A file is malformed, or weights are not finite.
        InputError: The tokenizer has no end-of-text token, `ends_only` was given for an
            encoder-decoder model, there is no such device, or the model needs pickled weights or
            remote code that is not allowed.
    """
    asked = loading or Loading(device=device)
    where = pick_device(asked.device)
    dtype = pick_dtype(asked.dtype, where)
    transformers_logging.disable_progress_bar()
    # Otherwise transformers asks a service of the hub to convert pickled weights.
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "true"
    _weights_allowed(model, asked.allow_pickle)
    with _told(model):
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
        if fault := _first_finite_fault(loaded.named_parameters()):
            raise CorruptFileError(
                f"the model {model} has weights that are not numbers, in {fault}"
            )
        end = tokenizer.eos_token_id
        if end is None:
            raise InputError(
                f"the tokenizer of {model} has no end-of-text token; set eos_token in it"
            )
        path = Path(model)
        return Checkpoint(
            id=name or papers.model_id(model),
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
    """The chat format in the record of an alignment; `none` in older records, None without one."""
    record = folder / provenance.TRAINING_FILE
    return files.read_object(record).get("prompt_format", "none") if record.is_file() else None


def load_prefix(name: str, folder: Path, checkpoint: Checkpoint) -> SoftPrefix:
    """Reads a soft prompt in PEFT's adapter format.

    Args:
        name: Its name in the model id.
        folder: Folder with `adapter_config.json` and `adapter_model.safetensors`.
        checkpoint: The backbone that it is for.

    Raises:
        NotFoundError: A file is missing.
        CorruptFileError: A file is malformed, or holds values that are not finite.
        MismatchError: The adapter is not a soft prompt, or does not have the model's width.
    """
    config = files.read_object(folder / "adapter_config.json")
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
    # PEFT stores a second table for the decoder of an encoder-decoder, which is never trained.
    rows = int(config.get("num_virtual_tokens") or table.shape[0])
    return SoftPrefix(
        name=name,
        digest=files.file_hash(weights)[:16],
        table=table[:rows].to(device=checkpoint.device, dtype=embeddings.dtype),
        prompt_format=trained_in(folder),
    )
