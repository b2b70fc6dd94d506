"""The test-set log: every evaluation of a backbone on the unobserved-test instructions.

A test set stays an unbiased estimate only if it is used rarely, so each use is recorded beside the
backbone's card and listed on it. Does not evaluate anything.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from robustness.errors import CorruptFileError
from robustness.storage import files, provenance

FILE = "unobserved-test.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One evaluation on the unobserved-test instructions."""

    created: str
    """Time in UTC, ISO 8601."""
    command: str
    model: str
    """Id of the evaluated model."""
    weights: str
    """SHA-256 of the backbone's weights."""
    what: str
    """What was measured."""


def read_log(folder: Path) -> list[Entry]:
    """Reads the log in a backbone's folder, oldest entry first; empty where there is no file.

    Raises:
        CorruptFileError: A line is malformed.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Entry(**files.parse_json(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise CorruptFileError(f"{path} is damaged ({error}); restore it from a copy") from error


def append(folder: Path, model: str, what: str, *, weights: Path | None = None) -> None:
    """Adds an entry for the command that runs now.

    Args:
        folder: Folder of the backbone's card.
        model: Id of the evaluated model.
        what: What is measured.
        weights: Folder of the backbone's weights; None: the same one.

    Raises:
        CorruptFileError: The existing log is malformed.
    """
    made = provenance.collect(schema=1)
    line = Entry(
        created=made.created, command=made.command, model=model,
        weights=files.file_hash((weights or folder) / "model.safetensors"), what=what,
    )
    rows = [*read_log(folder), line]
    with files.atomic_path(folder / FILE) as temporary:
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        temporary.write_text(text, encoding="utf-8")
