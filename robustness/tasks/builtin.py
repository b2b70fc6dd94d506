"""The tasks that ship with the product, and a task by its name or file.

Refuses to know how a task file is written.
"""

from functools import cache
from pathlib import Path

from robustness import paths
from robustness.errors import NotFoundError
from robustness.tasks import table
from robustness.tasks.base import Task, read


def builtin_names() -> list[str]:
    """Ids of the shipped tasks, in alphabetical order."""
    return sorted(p.stem for p in paths.TASKS.glob("*.json"))


@cache
def builtin(task_id: str) -> Task:
    """One shipped task with its labelled inputs.

    Raises:
        NotFoundError: There is none of that name.
    """
    if task_id not in builtin_names():
        raise NotFoundError(f"no task {task_id!r}; there are {', '.join(builtin_names())}")
    return read(paths.TASKS / f"{task_id}.json")


def find(name: str) -> Task:
    """A built-in task, or a task file or labelled CSV; a built-in name goes before a file.

    Raises:
        NotFoundError: There is neither.
        InputError, CorruptFileError, MismatchError: See `base.read` and `table.read`.
    """
    path = Path(name)
    if name not in builtin_names() and path.is_file():
        return table.read(path) if path.suffix.lower() == ".csv" else read(path)
    return builtin(name)
