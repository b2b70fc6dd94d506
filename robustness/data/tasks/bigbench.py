"""Reads BIG-bench tasks: a `task.json`, a folder of sub-tasks with one each, or a file of BBH.

The options and the answer come from `target_scores`; without them the different targets are the
options, or, where the targets are letters such as (B), the letters that the input lists. An input
keeps only its own text: the task designer's prompt around it (task_prefix, example_input_prefix and
the like) is not read, since instructions take its place.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.data.defaults import BIG_BENCH_FIELD as FIELD
from robustness.data.tasks.base import Omission, Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage import cells, files
from robustness.types import Example, TaskType

REPOSITORY = "https://github.com/google/BIG-bench"
MISSING = (
    f"clone {REPOSITORY} and name a folder below bigbench/benchmark_tasks, or its task.json"
)
_MAX_TARGETS = 26
_STRAY, _COVERED = 0.005, 0.95
_LETTER = re.compile(r"\([A-Z]\)")
_LINE = re.compile(r"^(\([A-Z]\))\s", re.MULTILINE)


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
        CorruptFileError: A file is not JSON.
        NotFoundError: There is no such file.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist; {MISSING}")
    top = path / "task.json" if path.is_dir() else path
    return task_of(files.read_json(top) if top.is_file() else {}, path, field)


def task_of(document: Any, path: Path, field: str = FIELD) -> Task:
    """The task of a `task.json`, or of a folder's sub-tasks.

    Args:
        document: The file's JSON; empty for a folder without one.
        path: The file or the folder.
        field: See `read_bigbench`.

    Raises:
        InputError, NotFoundError: See `read_bigbench`.
    """
    top, found = _files(_object(document, path), path)
    name = _name(top, path)
    omissions: list[Omission] = []
    examples = [e for file in found for e in _examples(file, name, field, omissions)]
    return _task(name, top, examples, field, omissions)


def _object(document: Any, file: Path) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise InputError(f"{file} holds no JSON object; expected a BIG-bench task.json")
    return document


def _files(document: Mapping[str, Any], path: Path) -> tuple[Mapping[str, Any], list[_File]]:
    """The top-level document, and the files with examples: that one, or its sub-tasks."""
    folder = path if path.is_dir() else path.parent
    top = folder / "task.json" if path.is_dir() else path
    if "examples" in document:
        return document, [_File(top, document)]
    below = [f for f in sorted(folder.glob("*/task.json")) if f != top]
    found = [
        _File(f, d) for f in below if "examples" in (d := _object(files.read_json(f), f))
    ]
    if not found and document:
        raise InputError(
            f"{top} has no `examples`, and there are no sub-tasks below {folder}; programmatic "
            f"tasks are not read; {MISSING}"
        )
    if not found:
        raise NotFoundError(f"{folder} holds no task.json; {MISSING}")
    return document or found[0].document, found


def _name(document: Mapping[str, Any], path: Path) -> str:
    """The task's name; BBH has none in its files, which are called after their tasks."""
    if document.get("name"):
        return str(document["name"])
    if path.is_dir():
        return path.name
    return path.parent.name if path.name == "task.json" else path.stem


def _examples(
    file: _File, task: str, field: str, omissions: list[Omission]
) -> list[Example]:
    rows = file.document["examples"]
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{file.path}: `examples` is no list, or empty")
    targets = _targets(rows)
    made = []
    for number, row in enumerate(rows):
        where = f"{file.path}: examples[{number}]"
        if not isinstance(row, dict) or not isinstance(row.get("input"), (str, int, float)):
            raise InputError(f"{where}: no `input` text")
        text = cells.text_of(row["input"])
        options, answer = _options(row, text, targets, where)
        if answer is None and "target_scores" not in row:
            reason = f"its target {_first(row['target'])!r} is none of the other inputs' answers"
            omissions.append(Omission(what="label", name=where, reason=reason))
        made.append(Example(task=task, fields={field: text}, options=options, answer=answer))
    return made


def _first(target: object) -> str:
    found = target[0] if isinstance(target, list) and target else target
    return "" if isinstance(found, (list, dict)) else cells.text_of(found).strip()


def _targets(rows: Sequence[object]) -> tuple[str, ...]:
    """The different targets of a task without `target_scores`, sorted, without stray ones.

    Targets that make up less than 0.5% of the rows each, and 5% together, are stray.
    """
    texts = [_first(row.get("target")) for row in rows if isinstance(row, dict)]
    counts = Counter(text for text in texts if text)
    kept = {text: n for text, n in counts.items() if n >= _STRAY * len(rows)}
    enough = len(kept) > 1 and sum(kept.values()) >= _COVERED * counts.total()
    return tuple(sorted(kept if enough else counts))


def _listed(text: str, targets: Sequence[str]) -> tuple[str, ...]:
    """The letters in brackets that start lines of an input, (A) first, if targets are of these."""
    if not all(_LETTER.fullmatch(target) for target in targets):
        return ()
    found = tuple(dict.fromkeys(_LINE.findall(text)))
    first = tuple(f"({chr(ord('A') + n)})" for n in range(len(found)))
    return found if len(found) > 1 and found == first else ()


def _options(
    row: Mapping[str, Any], text: str, targets: tuple[str, ...], where: str
) -> tuple[tuple[str, ...], str | None]:
    """Options and answer of one input.

    The answer is None where several options score highest, or where the target is a stray one.
    """
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
    listed = _listed(text, targets)
    options = listed if answer in listed or answer not in targets else targets
    return options or targets, answer if answer in targets else None


def _task(
    name: str, document: Mapping[str, Any], examples: Sequence[Example], field: str,
    omissions: Sequence[Omission],
) -> Task:
    spaces = {frozenset(e.options) for e in examples}
    # Letters point to options of each input.
    lettered = all(_LETTER.fullmatch(option) for e in examples for option in e.options)
    common = examples[0].options if len(spaces) == 1 and not lettered else ()
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
        omissions=tuple(omissions),
    )
