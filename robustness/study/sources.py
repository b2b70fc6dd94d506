"""What `--tasks` and `--instructions` name -> tasks and instructions, each fault with its reason.

Refuses to read formats itself: the readers of `tasks/` and `instructions.py` do.
"""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from robustness import instructions, paths
from robustness.errors import InputError, NotFoundError, RobustnessError
from robustness.study.plan import Plan, Recipe, plan
from robustness.study.values import Left
from robustness.tasks import Task, base, bigbench, builtin, builtin_names, mmlu, table
from robustness.types import Instruction

EVERYTHING = "builtin"
"""Stands for every shipped task."""
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
            made = _tasks(name, field)
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


def _tasks(name: str, field: str) -> list[Task]:
    path = Path(name)
    if name == EVERYTHING:
        return [builtin(known) for known in builtin_names()]
    if name in builtin_names():
        return [builtin(name)]
    if not path.exists():
        raise NotFoundError(
            f"neither a built-in task ({', '.join(builtin_names())}, or {EVERYTHING} for all) nor "
            f"a file or folder. MMLU: {mmlu.MISSING}. BIG-bench: {bigbench.MISSING}"
        )
    if path.is_dir():
        return _folder(path, field)
    readers: dict[str, Callable[[], Task]] = {
        ".json": lambda: _json(path, field), ".csv": lambda: _csv(path),
    }
    if path.suffix.lower() not in readers:
        raise InputError(
            f"{path} is no task: expected a task file or BIG-bench's task.json (.json), or a "
            "labelled table or MMLU's questions (.csv)"
        )
    return [readers[path.suffix.lower()]()]


def _folder(path: Path, field: str) -> list[Task]:
    if (path / "task.json").is_file() or any(path.glob("*/task.json")):
        return [bigbench.read(path, field)]
    files = sorted(path.glob("*.json"))
    if files:
        return [_json(file, field) for file in files]
    if any(path.rglob("*.csv")):
        return [mmlu.read(path)]
    raise NotFoundError(
        f"{path} holds neither task files nor CSV files nor task.json. MMLU: {mmlu.MISSING}. "
        f"BIG-bench: {bigbench.MISSING}"
    )


def _json(path: Path, field: str) -> Task:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error})") from error
    if isinstance(document, dict) and "schema" not in document:
        return bigbench.read(path, field)
    return base.read(path)


def _csv(path: Path) -> Task:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        first = lines.readline()
    separator = next((s for s in table.SEPARATORS if s in first), ",")
    header = [c.strip().casefold() for c in next(csv.reader([first], delimiter=separator), [])]
    # MMLU's files have no header, or one that names the options A, B, C, D.
    labelled = "answer" in header and not {"a", "b", "c", "d"} <= set(header)
    return table.read(path) if labelled else mmlu.read(path)


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
                made = instructions.parse(row, where)
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
