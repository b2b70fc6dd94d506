"""The table of importers, and the import of a source into a collection file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robustness.data import instructions
from robustness.data.importers import (
    alpaca,
    csv,
    flan,
    instructioneval,
    kinds,
    natural_instructions,
    promptsource,
)
from robustness.data.importers.imported import Change, Imported, LeftOut
from robustness.errors import InputError
from robustness.types import TaskType

SOURCES: dict[str, Callable[[Path, TaskType | None], Imported]] = {
    promptsource.SOURCE: promptsource.read,
    flan.SOURCE: flan.read,
    alpaca.SOURCE: alpaca.read,
    natural_instructions.SOURCE: natural_instructions.read,
    instructioneval.SOURCE: instructioneval.read,
    csv.SOURCE: csv.read,
}
"""Name of a format -> its importer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Summary of an import."""

    source: str
    out: Path
    entries: int
    """Number of entries found: imported and left out."""
    taken: int
    by_type: Mapping[str, int]
    """Task type -> number of instructions imported with it."""
    left: tuple[LeftOut, ...]
    changes: tuple[Change, ...]
    decided: Mapping[str, int]
    """Rule -> number of entries whose task type it decided."""


def take(
    source: str, path: Path, out: Path, task_type: str | None = None, *, task: str | None = None
) -> Receipt:
    """Imports a source and writes the instructions as a collection file.

    Args:
        source: One of `SOURCES`.
        path: File or folder.
        out: The collection file to write (JSON lines, as `instructions.read_collection` reads it).
        task_type: `qa`, `mc` or `bc`; None: inferred for each entry by `kinds.decide`.
        task: The task that all entries are for; None: as named in the source.

    Returns:
        What was imported, and what was left out, each with its reason.

    Raises:
        InputError: The source or the type is unknown, or the file does not have the format.
        NotFoundError: There is no such file.
    """
    name = source.strip().lower().replace("_", "-")
    if name not in SOURCES:
        raise InputError(f"no source {source!r}; choose one of {', '.join(SOURCES)}")
    forced = None if task_type is None else kinds.parse(task_type)
    if task_type is not None and forced is None:
        raise InputError(f"no task type {task_type!r}; choose qa, mc or bc")
    found = SOURCES[name](path, forced)
    taken = found.instructions
    if task is not None:
        named = (replace(i, task=task, id="") for i in taken)
        taken = tuple({i.id: i for i in named}.values())
    instructions.write_collection(out, taken)
    return Receipt(
        source=name, out=out, entries=found.entries, taken=len(taken),
        by_type=found.by_type, left=found.left, changes=found.changes,
        decided=found.decided,
    )
