"""Every time that the shipped unobserved-test instructions were asked of the embedded backbone.

Refuses to measure. A held-out set is worth what it was asked for: the card lists these lines.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from robustness.errors import CorruptFileError
from robustness.storage import files, provenance

FILE = "unobserved-test.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One evaluation on unobserved-test."""

    created: str
    """ISO 8601, UTC."""
    command: str
    model: str
    """A served model id."""
    weights: str
    """SHA-256 of the backbone's weights."""
    what: str


def read_log(folder: Path) -> list[Entry]:
    """The lines beside a backbone's weights, oldest first; none where it was never asked.

    Raises:
        CorruptFileError: A line is not one.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Entry(**json.loads(line)) for line in lines]
    except (json.JSONDecodeError, TypeError) as error:
        raise CorruptFileError(f"{path} is damaged ({error}); restore it from a copy") from error


def append(folder: Path, model: str, what: str) -> None:
    """Adds a line, with the command that runs now.

    Args:
        folder: The backbone, with its weights.
        model: A served model id.
        what: What was measured.

    Raises:
        CorruptFileError: What is there cannot be read.
    """
    made = provenance.collect(schema=1)
    line = Entry(
        created=made.created, command=made.command, model=model,
        weights=files.file_hash(folder / "model.safetensors"), what=what,
    )
    rows = [*read_log(folder), line]
    with files.atomic_path(folder / FILE) as temporary:
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        temporary.write_text(text, encoding="utf-8")
