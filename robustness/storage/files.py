"""Writes files atomically (a reader finds the whole file or none) and reads JSON with checks."""

import csv
import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robustness.errors import CorruptFileError, MismatchError, NotFoundError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it to `path` when the block succeeds.

    The file is flushed to the disk before the rename. When the block raises, `path` stays as it
    was and the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value: object) -> Any:
    """A copy that `json` can write; a number that is not finite becomes None.

    Args:
        value: Dataclasses, numpy values, paths, and containers of them.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def write_json(path: Path, document: object, *, indent: int | None = 2) -> None:
    """Writes one JSON document atomically; see `plain` for what it may hold.

    Args:
        path: The file.
        document: What is written.
        indent: Spaces for each level; None: one line, for long lists of numbers.
    """
    with atomic_path(path) as temporary:
        text = json.dumps(plain(document), ensure_ascii=False, indent=indent)
        temporary.write_text(text + "\n", encoding="utf-8")


def parse_json(text: str) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or holds a number that is too long.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists and objects lie too deep inside one another") from None


def read_json(path: Path, *, schema: int | None = None) -> Any:
    """Reads one JSON document and checks its schema number.

    Args:
        path: The file.
        schema: The schema number that the document must carry, where it has one.

    Raises:
        NotFoundError: There is no such file.
        CorruptFileError: It is not JSON, or no object where a schema is wanted.
        MismatchError: It carries another schema number.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist") from None
    except ValueError as error:
        raise CorruptFileError(f"{path} is not valid JSON ({error}); write it again") from error
    if schema is not None:
        check_schema(document, path, schema)
    return document


def check_schema(document: Any, path: Path, schema: int) -> None:
    """Checks the schema number of a document.

    Raises:
        CorruptFileError: It is no JSON object.
        MismatchError: It carries another schema number.
    """
    if not isinstance(document, dict):
        raise CorruptFileError(f"{path} holds no JSON object; write it again")
    if document.get("schema") != schema:
        raise MismatchError(
            f"{path} has schema {document.get('schema')!r}, this version reads {schema}; "
            "make it again with this version"
        )


def read_object(path: Path) -> dict[str, Any]:
    """Reads one JSON object, such as the configuration of another library.

    Raises:
        NotFoundError, CorruptFileError: See `read_json`.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise CorruptFileError(f"{path} holds no JSON object; write it again")
    return found


@contextmanager
def well_formed(path: Path) -> Iterator[None]:
    """Context of a block that takes the document of a file apart.

    Raises:
        CorruptFileError: The block met a missing key or a value of another type.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise CorruptFileError(f"{path} is damaged ({what}); write it again") from error


def write_jsonl(path: Path, rows: Iterable[object]) -> None:
    """Writes a JSON-lines file (one document per line) atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(plain(row), ensure_ascii=False) + "\n")


def read_jsonl(path: Path) -> list[Any]:
    """Reads a JSON-lines file (one document per line); empty lines are skipped.

    Raises:
        NotFoundError: There is no such file.
        CorruptFileError: A line is not JSON; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not UTF-8 ({error})") from error
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(parse_json(line))
            except ValueError as error:
                raise CorruptFileError(
                    f"{path}, line {number}: not valid JSON ({error})"
                ) from error
    return rows


def write_csv(path: Path, columns: list[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Writes a CSV table atomically; None and missing values become empty cells."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({c: "" if row.get(c) is None else row[c] for c in columns})


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
