"""Reads a labelled CSV table as a task: columns input, options and answer.

Further columns become fields of the input under their own names.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from robustness.data.prompts import field_name
from robustness.data.tasks.base import Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage import cell_lists, csv_lines
from robustness.types import Example, TaskType

EXPECTED = (
    "a CSV with the columns input, options (separated by |) and answer; further columns are "
    "fields, and a column split may say train, dev or test"
)
_MEANT = ("input", "options", "answer", "split", "id")
_SPLITS = ("train", "dev", "test")


def read_labelled_table(path: Path, task_type: TaskType | None = None) -> Task:
    """Reads a labelled CSV table.

    Args:
        path: The file; its name becomes the task's id.
        task_type: By default QA where the options change from row to row, otherwise BC for two
            options and MC for more.

    Returns:
        The task. Without a column `split` its rows are divided into a dev and a test half. Without
        a column `options` the different answers are the options of every row.

    Raises:
        InputError: A column is missing, or a row is malformed.
        NotFoundError: There is no such file.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist; expected {EXPECTED}")
    columns, rows = _table(path)
    fields = [c for c in columns if c not in ("options", "answer", "split", "id")]
    if "answer" not in columns or not fields:
        raise InputError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected {EXPECTED}"
        )
    answers = tuple(dict.fromkeys(row["answer"] for _, row in rows if row["answer"]))
    examples = [
        _example(f"{path}, line {line}", row, path.stem, fields, answers) for line, row in rows
    ]
    if not examples:
        raise InputError(f"{path} has no rows below its header; expected {EXPECTED}")
    spaces = {frozenset(e.options) for e in examples}
    common = examples[0].options if len(spaces) == 1 else ()
    inferred = TaskType.QA if not common else TaskType.BC if len(common) == 2 else TaskType.MC
    return Task(
        id=path.stem,
        title=path.stem.replace("_", " "),
        task_type=task_type or inferred,
        description=f"Inputs of {path.name}.",
        fields=tuple(field_name(name) for name in fields),
        options=common,
        source=f"written, {path.name}",
        trained=False,
        examples=tuple(examples) if "split" in columns else halved(examples),
    )


def _table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The column names, and each row with its line number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error
    lines = [
        (line, [cell.strip() for cell in cells])
        for line, cells in csv_lines.csv_lines(text, str(path)) if any(c.strip() for c in cells)
    ]
    if not lines:
        return [], []
    (_, header), *below = lines
    skipped = _numbering(header, [cells for _, cells in below])
    columns = _columns(header[skipped:])
    rows = []
    for line, cells in below:
        cells = cells[skipped:]
        if not any(cells[len(columns) :]):
            cells = cells[: len(columns)]
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells, the header has {len(columns)}; put "
                "quotation marks around text that holds what parts the cells"
            )
        rows.append((line, dict(zip(columns, cells, strict=True))))
    if len({field_name(c) for c in columns}) < len(columns):
        raise InputError(f"{path} names a column twice: {', '.join(columns)}")
    return columns, rows


def _columns(header: Sequence[str]) -> list[str]:
    """Column names: those that have a meaning in lower case, a spreadsheet's empty ones left out.

    A nameless column between others keeps its place.
    """
    named = [c.casefold() if c.casefold() in _MEANT else c for c in header]
    while named and not named[-1]:
        named.pop()
    return named


def _numbering(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """1 where the first column has no name and numbers the rows from 0 or 1, as pandas' does."""
    if not header or header[0] or not rows:
        return 0
    first = [row[0] for row in rows]
    counted = [[str(n) for n in range(start, start + len(first))] for start in (0, 1)]
    return int(first in counted)


def is_labelled(path: Path) -> bool:
    """Whether a file is a labelled table, and no questions of MMLU."""
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        first = lines.readline()
    cells = next(csv.reader([first], delimiter=csv_lines.separator_of(first)), [])
    header = [c.strip().casefold() for c in cells]
    # MMLU's files have no header, or one that names the options A, B, C, D.
    return "answer" in header and not {"a", "b", "c", "d"} <= set(header)


def numbered(path: Path) -> bool:
    """Whether `read` leaves out a nameless first column that numbers the rows."""
    text = csv_lines.decoded(path.read_bytes())
    found = csv_lines.csv_lines(text, str(path))
    lines = [cells for _, cells in found if any(map(str.strip, cells))]
    return bool(lines and _numbering([c.strip() for c in lines[0]], lines[1:]))


def _example(
    where: str, row: dict[str, str], task: str, fields: list[str], answers: tuple[str, ...]
) -> Example:
    given = cell_lists.split(row.get("options", ""))
    options = given or answers
    if len(set(options)) < 2 or len(set(options)) < len(options):
        raise InputError(
            f"{where}: options {list(options)}; expected two or more different ones, separated by |"
        )
    answer: str | None = row["answer"] or None
    if answer is not None and answer not in options:
        raise InputError(f"{where}: answer {answer!r} is not among {list(options)}")
    split = row.get("split", "") or "test"
    if split not in _SPLITS:
        raise InputError(f"{where}: split {split!r}; choose one of {', '.join(_SPLITS)}")
    return Example(
        task=task, fields={field_name(name): row[name] for name in fields}, options=options,
        answer=answer, split=split,
    )
