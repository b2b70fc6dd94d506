"""Resolves the name of a task: a built-in task, a task file, a table, or a benchmark's folder.

The format of a file is recognised by its ending, columns and keys, and read by `base`, `bigbench`,
`mmlu` or `table`.
"""

from collections.abc import Callable
from pathlib import Path

from robustness.data.defaults import BIG_BENCH_FIELD
from robustness.data.tasks import base, bigbench, mmlu, table
from robustness.data.tasks.base import Task
from robustness.data.tasks.builtin import builtin, builtin_names
from robustness.errors import InputError, NotFoundError, RobustnessError
from robustness.storage import files, table_formats

EVERYTHING = "builtin"
"""The name that stands for all shipped tasks."""


def find(name: str) -> Task:
    """The one task of a name; a built-in task takes precedence over a file of the same name.

    Raises:
        InputError: The name stands for several tasks.
        NotFoundError, CorruptFileError, MismatchError: See `find_all`.
    """
    path = Path(name)
    if name in builtin_names() or (path.name == name and not path.exists()):
        return builtin(name)
    found = find_all(name)
    if len(found) > 1:
        raise InputError(
            f"{name} holds {len(found)} tasks ({', '.join(t.id for t in found[:5])}"
            f"{', ...' if len(found) > 5 else ''}); name one of them"
        )
    return found[0]


def find_all(name: str, field: str = BIG_BENCH_FIELD) -> list[Task]:
    """All tasks of a name.

    Args:
        name: A built-in task, `builtin` for all of them, a task file, a labelled table, an MMLU
            file or folder, a BIG-bench file or folder, or a folder of task files.
        field: Name for the field of BIG-bench inputs; the templates of InstructionEval call it
            `question`.

    Raises:
        NotFoundError: There is nothing of that name; the message says which repositories to clone.
        InputError, CorruptFileError, MismatchError: The file is malformed; see the module of its
            format.
    """
    found, bad = find_each(name, field)
    if bad:
        raise next(iter(bad.values()))
    return found


def find_each(
    name: str, field: str = BIG_BENCH_FIELD
) -> tuple[list[Task], dict[str, RobustnessError]]:
    """All tasks of a name; in a folder of task files, one that is malformed costs no other.

    Returns:
        The tasks, and the error of each file of a folder that could not be read.

    Raises:
        As `find_all`, for whatever is no folder of task files.
    """
    path = Path(name)
    if name == EVERYTHING:
        return [builtin(known) for known in builtin_names()], {}
    if name in builtin_names():
        return [builtin(name)], {}
    if not path.exists():
        raise NotFoundError(
            f"neither a built-in task ({', '.join(builtin_names())}, or {EVERYTHING} for all) nor "
            f"a file or folder. MMLU: {mmlu.MISSING}. BIG-bench: {bigbench.MISSING}"
        )
    if path.is_dir():
        return _folder(path, field)
    return [_file(path, field)], {}


def _file(path: Path, field: str) -> Task:
    readers: dict[str, Callable[[], Task]] = {
        ".json": lambda: _json(path, field), ".csv": lambda: _csv(path), ".tsv": lambda: _csv(path),
        ".jsonl": lambda: _rows(path), ".parquet": lambda: _rows(path),
    }
    if path.suffix.lower() not in readers:
        raise InputError(
            f"{path} is no task: expected a task file or BIG-bench's task.json (.json), or a "
            "labelled table or MMLU's questions (.csv, .tsv, .json, .jsonl, .parquet)"
        )
    return readers[path.suffix.lower()]()


def _folder(path: Path, field: str) -> tuple[list[Task], dict[str, RobustnessError]]:
    if (path / "task.json").is_file() or any(path.glob("*/task.json")):
        return [bigbench.read_bigbench(path, field)], {}
    listed = [file for file in sorted(path.glob("*.json")) if not file.name.startswith(".")]
    if listed:
        found: list[Task] = []
        bad: dict[str, RobustnessError] = {}
        for file in listed:
            try:
                found.append(_json(file, field))
            except RobustnessError as error:
                bad[str(file)] = error
        if not found:
            raise next(iter(bad.values()))
        return found, bad
    if mmlu.files_below(path):
        return [mmlu.read_mmlu(path)], {}
    raise NotFoundError(
        f"{path} holds neither task files nor tables nor task.json. MMLU: {mmlu.MISSING}. "
        f"BIG-bench: {bigbench.MISSING}"
    )


def _json(path: Path, field: str) -> Task:
    try:
        document = files.parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error})") from error
    if isinstance(document, list):
        return _rows(path, table_formats.of_json(document, str(path)))
    if isinstance(document, dict) and "schema" not in document:
        return bigbench.task_of(document, path, field)
    return base.task_of(document, path)


def _csv(path: Path) -> Task:
    return table.read_labelled_table(path) if table.is_labelled(path) else mmlu.read_mmlu(path)


def _rows(path: Path, raw: table_formats.Raw | None = None) -> Task:
    """The task of a file of JSON rows or Parquet."""
    raw = table_formats.read_file(path) if raw is None else raw
    if mmlu.is_hub(raw):
        return mmlu.task_of([mmlu.Found(path, raw)], path)
    return table.task_of(path, table.typed(path, raw))
