"""Reads the tasks and collections that options name."""

from collections.abc import Sequence
from pathlib import Path

from robustness.data import instructions
from robustness.data.defaults import BIG_BENCH_FIELD
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.study import sources
from robustness.types import Instruction


def labelled_tasks(given: Sequence[str] | None, field: str = BIG_BENCH_FIELD) -> list[Task]:
    """The tasks of `--tasks`, as `evaluate` reads them; by default the built-in tasks.

    Raises:
        InputError: A task cannot be read.
    """
    found, left = study.read_tasks(given or [sources.EVERYTHING], field=field)
    if left:
        raise InputError(f"{left[0].name}: {left[0].reason}")
    return found


def collections_of(names: Sequence[str] | None) -> list[Instruction]:
    """The instructions of shipped collections and files; of equal ones, the first.

    Raises:
        InputError, NotFoundError, CorruptFileError: See `instructions.read`.
    """
    found: dict[str, Instruction] = {}
    for name in sources.names(names or []):
        path = Path(name)
        rows = instructions.read_collection(path) if path.is_file() else instructions.builtin(name)
        found |= {i.id: i for i in rows if i.id not in found}
    return list(found.values())
