"""What `--tasks` and `--instructions` name -> tasks and instructions, each fault with its reason.

Refuses to read formats itself: the readers of `tasks/` and `instructions.py` do.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from robustness import paths
from robustness.data import instructions
from robustness.data.tasks import Task, bigbench, named
from robustness.errors import InputError, RobustnessError
from robustness.evaluation.study.plan import Plan, Recipe, plan
from robustness.evaluation.study.values import Left
from robustness.types import Instruction

EVERYTHING = named.EVERYTHING
_IMPORT = "python -m robustness import SOURCE PATH --out FILE writes collection files"


def names(given: Sequence[str]) -> list[str]:
    """Splits at commas what is no file or folder as it stands."""
    found: list[str] = []
    for name in given:
        parts = [name] if Path(name).exists() else name.split(",")
        found += [part.strip() for part in parts if part.strip()]
    return list(dict.fromkeys(found))


def read_tasks(
    given: Sequence[str], *, field: str = bigbench.FIELD
) -> tuple[list[Task], list[Left]]:
    """Reads tasks; what cannot be read is listed.

    Args:
        given: Built-in names, `builtin` for all of them, task files, labelled CSV tables, MMLU
            files or folders, BIG-bench files or folders, folders of task files.
        field: What BIG-bench's input is called: InstructionEval's templates say `question`.

    Returns:
        The tasks, and what was left out.
    """
    found: dict[str, Task] = {}
    left: list[Left] = []
    for name in names(given):
        try:
            made = named.find_all(name, field)
        except RobustnessError as error:
            left.append(Left(what="task", name=name, reason=str(error)))
            continue
        for task in made:
            if task.id in found:
                reason = f"a task with the id {task.id} is there already"
                left.append(Left(what="task", name=name, reason=reason))
            else:
                found[task.id] = task
    return list(found.values()), left


def read_instructions(given: Sequence[str]) -> tuple[list[Instruction], list[Left]]:
    """Reads collections; a malformed row costs no other row.

    Args:
        given: Names of shipped collections, and collection files (JSON lines).

    Returns:
        The instructions, the first of equal ones, and what was left out.
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
    """Each line's document with its place."""
    made: list[tuple[str, object]] = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path.name}, line {number}"
            try:
                made.append((where, json.loads(line)))
            except json.JSONDecodeError as error:
                reason = f"not valid JSON ({error}); {_IMPORT}"
                left.append(Left(what="instruction", name=where, reason=reason))
    return made


def plan_of(
    task_names: Sequence[str], collections: Sequence[str], *, recipe: Recipe,
    field: str = bigbench.FIELD,
) -> Plan:
    """Reads what is named and plans it.

    Raises:
        InputError: Nothing remains to be asked; see `plan`.
    """
    tasks, first = read_tasks(task_names, field=field)
    known, second = read_instructions(collections)
    return plan(tasks, known, recipe, [*first, *second])
