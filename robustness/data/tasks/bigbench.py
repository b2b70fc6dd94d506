"""Reads BIG-bench tasks: a `task.json`, or a folder of sub-tasks with one each.

The options and the answer come from `target_scores`; without them the different targets are the
options. An input keeps only its own text: the task designer's prompt around it (task_prefix,
example_input_prefix and the like) is not read, since instructions take its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.data.defaults import BIG_BENCH_FIELD as FIELD
from robustness.data.tasks.base import Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage.files import parse_json
from robustness.types import Example, TaskType

REPOSITORY = "https://github.com/google/BIG-bench"
MISSING = (
    f"clone {REPOSITORY} and name a folder below bigbench/benchmark_tasks, or its task.json"
)
_MAX_TARGETS = 26


@dataclass(frozen=True, slots=True)
class _File:
    """A `task.json` that has examples."""

    path: Path
    document: Mapping[str, Any]


def read_bigbench(path: Path, field: str = FIELD) -> Task:
    """Reads a BIG-bench task; sub-tasks are joined into one task.

    Args:
        path: A `task.json`, or a folder that holds one or sub-folders with one each.
        field: Name for the input's field; the templates of InstructionEval call it `question`.

    Returns:
        The task, its inputs divided into a dev and a test half.

    Raises:
        InputError: A file does not have the format, or the answers are free text.
        NotFoundError: There is no such file.
    """
    top, files = _files(path)
    name = _name(top, path)
    examples = [example for file in files for example in _examples(file, name, field)]
    return _task(name, top, examples, field)


def _load(file: Path) -> Mapping[str, Any]:
    try:
        document = parse_json(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise InputError(f"{file} holds no JSON object; expected a BIG-bench task.json")
    return document


def _files(path: Path) -> tuple[Mapping[str, Any], list[_File]]:
    """The top-level document, and the files with examples: that one, or its sub-tasks."""
    if not path.exists():
        raise NotFoundError(f"{path} does not exist; {MISSING}")
    folder = path if path.is_dir() else path.parent
    top = folder / "task.json" if path.is_dir() else path
    document = _load(top) if top.is_file() else {}
    if "examples" in document:
        return document, [_File(top, document)]
    below = [f for f in sorted(folder.glob("*/task.json")) if f != top]
    files = [_File(f, d) for f in below if "examples" in (d := _load(f))]
    if not files and document:
        raise InputError(
            f"{top} has no `examples`, and there are no sub-tasks below {folder}; programmatic "
            f"tasks are not read; {MISSING}"
        )
    if not files:
        raise NotFoundError(f"{folder} holds no task.json; {MISSING}")
    return document or files[0].document, files


def _name(document: Mapping[str, Any], path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    return str(document.get("name") or folder.name) if document else folder.name


def _examples(file: _File, task: str, field: str) -> list[Example]:
    rows = file.document["examples"]
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file.path}: `examples` is no list, or empty")
    targets = _targets(rows)
    made = []
    for number, row in enumerate(rows):
        where = f"{file.path}: examples[{number}]"
        if not isinstance(row, dict) or not isinstance(row.get("input"), str):
            raise InputError(f"{where}: no `input` text")
        options, answer = _options(row, targets, where)
        made.append(
            Example(task=task, fields={field: row["input"]}, options=options, answer=answer)
        )
    return made


def _first(target: object) -> str:
    found = target[0] if isinstance(target, list) and target else target
    return "" if found is None or isinstance(found, (list, dict)) else str(found).strip()


def _targets(rows: Sequence[object]) -> tuple[str, ...]:
    """All different targets of a task without `target_scores`, sorted."""
    found = [_first(row.get("target")) for row in rows if isinstance(row, dict)]
    return tuple(sorted({text for text in found if text}))


def _options(
    row: Mapping[str, Any], targets: tuple[str, ...], where: str
) -> tuple[tuple[str, ...], str | None]:
    """Options and answer of one input; the answer is None where several options score highest."""
    scores = row.get("target_scores")
    if scores is not None:
        if not isinstance(scores, dict) or len(scores) < 2 or not all(
            isinstance(s, (int, float)) for s in scores.values()
        ):
            raise InputError(
                f"{where}: target_scores must give two options or more their scores"
            )
        best = max(scores.values())
        right = [option for option, score in scores.items() if score == best]
        return tuple(scores), right[0] if len(right) == 1 else None
    answer = _first(row.get("target"))
    if not answer:
        raise InputError(f"{where}: neither `target_scores` nor `target`")
    if not 2 <= len(targets) <= _MAX_TARGETS:
        raise InputError(
            f"{where}: its answers are free text ({len(targets)} different targets, no "
            f"target_scores); tasks with 2 to {_MAX_TARGETS} answers can be scored"
        )
    return targets, answer


def _task(
    name: str, document: Mapping[str, Any], examples: Sequence[Example], field: str
) -> Task:
    spaces = {frozenset(e.options) for e in examples}
    common = examples[0].options if len(spaces) == 1 else ()
    kind = TaskType.QA if not common else TaskType.BC if len(common) == 2 else TaskType.MC
    return Task(
        id=name,
        title=name.replace("_", " "),
        task_type=kind,
        description=str(document.get("description") or document.get("task_prefix") or name).strip(),
        fields=(field,),
        options=common,
        source=f"BIG-bench {name}",
        trained=False,
        examples=halved(examples),
    )
