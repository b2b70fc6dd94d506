"""Reads the tasks and instruction collections of an evaluation by their names.

A task or line that cannot be read is listed with its reason and does not stop the others.
"""

from collections.abc import Sequence
from pathlib import Path

from robustness import paths
from robustness.data import instructions
from robustness.data.defaults import BIG_BENCH_FIELD
from robustness.data.tasks import Task, named
from robustness.errors import InputError, RobustnessError
from robustness.evaluation.study.plan import Plan, Recipe, plan
from robustness.evaluation.study.values import Left
from robustness.storage import files
from robustness.types import Instruction

EVERYTHING = named.EVERYTHING
_IMPORT = "python -m robustness import SOURCE PATH --out FILE writes collection files"


def names(given: Sequence[str]) -> list[str]:
    """Splits names at commas, except those that are an existing file or folder."""
    found: list[str] = []
    for name in given:
        parts = [name] if Path(name).exists() else name.split(",")
        found += [part.strip() for part in parts if part.strip()]
    return list(dict.fromkeys(found))


def read_tasks(
    given: Sequence[str], *, field: str = BIG_BENCH_FIELD
) -> tuple[list[Task], list[Left]]:
    """Reads tasks by name.

    Args:
        given: Built-in names, `builtin` for all of them, task files, labelled tables, MMLU files
            or folders, BIG-bench files or folders, folders of task files.
        field: Name for the field of BIG-bench inputs; the templates of InstructionEval call it
            `question`.

    Returns:
        The tasks, and what could not be read.
    """
    found: dict[str, Task] = {}
    left: list[Left] = []
    for name in names(given):
        try:
            made, bad = named.find_each(name, field)
        except RobustnessError as error:
            left.append(Left(what="task", name=name, reason=str(error)))
            continue
        left += [
            Left(what="task", name=file, reason=str(error)) for file, error in bad.items()
        ]
        for task in made:
            left += [Left(what=o.what, name=o.name, reason=o.reason) for o in task.omissions]
            if task.id in found:
                reason = f"a task with the id {task.id} is there already"
                left.append(Left(what="task", name=name, reason=reason))
            else:
                found[task.id] = task
    return list(found.values()), left


def read_instructions(given: Sequence[str]) -> tuple[list[Instruction], list[Left]]:
    """Reads instruction collections by name.

    Args:
        given: Names of shipped collections, and collection files (JSON lines).

    Returns:
        The instructions without repetitions, and the lines that could not be read.
    """
    found: dict[str, Instruction] = {}
    left: list[Left] = []
    for name in names(given):
        path = Path(name)
        shipped = paths.INSTRUCTIONS / f"{name}.jsonl"
        if not path.is_file() and not shipped.is_file():
            known = ", ".join(sorted(p.stem for p in paths.INSTRUCTIONS.glob("*.jsonl")))
            reason = f"neither a shipped collection ({known}) nor a file; {_IMPORT}"
            left.append(Left(what="instruction", name=name, reason=reason))
            continue
        for where, row in _rows(path if path.is_file() else shipped, left):
            try:
                made = instructions.parse_instruction(row, where)
            except InputError as error:
                reason = str(error).removeprefix(f"{where}: ")
                left.append(Left(what="instruction", name=where, reason=reason))
                continue
            if made.id in found:
                reason = f"the same instruction is in {found[made.id].collection} already"
                left.append(Left(what="instruction", name=where, reason=reason))
            else:
                found[made.id] = made
    return list(found.values()), left


def _rows(path: Path, left: list[Left]) -> list[tuple[str, object]]:
    """(place, JSON document) of each line; malformed lines are added to `left`."""
    made: list[tuple[str, object]] = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path.name}, line {number}"
            try:
                made.append((where, files.parse_json(line)))
            except ValueError as error:
                reason = f"not valid JSON ({error}); {_IMPORT}"
                left.append(Left(what="instruction", name=where, reason=reason))
    return made


def plan_of(
    task_names: Sequence[str], collections: Sequence[str], *, recipe: Recipe,
    field: str = BIG_BENCH_FIELD,
) -> Plan:
    """Reads tasks and collections by name and plans their evaluation.

    Args:
        task_names: See `read_tasks`.
        collections: See `read_instructions`.
        recipe: The settings.
        field: See `read_tasks`.

    Raises:
        InputError: Nothing is left to evaluate; see `plan.plan`.
    """
    tasks, first = read_tasks(task_names, field=field)
    known, second = read_instructions(collections)
    return plan(tasks, known, recipe, [*first, *second])
