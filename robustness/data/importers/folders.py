"""Imports a file, or every file of a folder; a malformed file does not stop the others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from robustness.data.importers.imported import Gathering, Imported
from robustness.errors import InputError, NotFoundError
from robustness.storage.files import parse_json
from robustness.types import TaskType

MAX_BYTES = 64 * 1024 * 1024
"""Largest file that is read; no instruction collection is that large."""


def text_of(path: Path) -> str:
    """The text of a UTF-8 file, without a byte-order mark.

    Raises:
        InputError: The file is too large or not UTF-8.
        NotFoundError: There is no such file.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES // 2**20} MiB; split it")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error


def json_of(path: Path, expected: str) -> Any:
    """The JSON document of a file.

    Args:
        path: The file.
        expected: Description of the format, for the error message.

    Raises:
        InputError: The file is not JSON.
        NotFoundError: There is no such file.
    """
    try:
        return parse_json(text_of(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); expected {expected}") from error


def gather(
    source: str,
    path: Path,
    patterns: Sequence[str],
    read: Callable[[Path, Gathering], None],
    task_type: TaskType | None,
) -> Imported:
    """Imports one file, or every matching file of a folder.

    Args:
        source: Name of the format.
        path: A file or a folder.
        patterns: Glob patterns of the files of a folder.
        read: Reads one file; raises InputError where it does not have the format.
        task_type: Task type of all entries; None: inferred for each.

    Returns:
        What was imported; a file of a folder that does not have the format is listed as left out.

    Raises:
        InputError: The file, or every file of the folder, does not have the format.
        NotFoundError: There is no such file or folder, or no file of the folder matches.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist")
    gathered = Gathering(source, task_type)
    if path.is_file():
        read(path, gathered)
        return gathered.done()
    files = sorted({f for pattern in patterns for f in path.rglob(pattern) if f.is_file()})
    if not files:
        raise NotFoundError(f"{path} holds no {' or '.join(patterns)}")
    bad: list[InputError] = []
    for file in files:
        part = Gathering(source, task_type)
        try:
            read(file, part)
        except InputError as error:
            bad.append(error)
            gathered.leave(str(file), str(error).removeprefix(f"{file} ").removeprefix(f"{file}: "))
            continue
        gathered.absorb(part)
    if len(bad) == len(files):
        raise bad[0]
    return gathered.done()
