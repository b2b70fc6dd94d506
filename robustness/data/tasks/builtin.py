"""The tasks that ship with the project."""

from functools import cache

from robustness import paths
from robustness.data.tasks.base import Task, read_task
from robustness.errors import NotFoundError


def builtin_names() -> list[str]:
    """Ids of the shipped tasks, in alphabetical order."""
    return sorted(p.stem for p in paths.TASKS.glob("*.json"))


@cache
def builtin(task_id: str) -> Task:
    """Reads one shipped task with its inputs; the result is cached.

    Raises:
        NotFoundError: There is no shipped task of that name.
    """
    if task_id not in builtin_names():
        raise NotFoundError(f"no task {task_id!r}; there are {', '.join(builtin_names())}")
    return read_task(paths.TASKS / f"{task_id}.json")


def listed() -> list[Task]:
    """The shipped tasks without their inputs, those that the backbone learned first."""
    known = [builtin(name).without_examples() for name in builtin_names()]
    return sorted(known, key=lambda t: not t.trained)
