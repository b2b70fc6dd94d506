"""Reads a labelled table as a task: columns input, options and answer.

Further columns become fields of the input under their own names.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustness.data.prompts import field_name
from robustness.data.tasks.base import Omission, Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage import cell_lists, cells, csv_lines
from robustness.storage.table_formats import Raw
from robustness.types import Example, TaskType

EXPECTED = (
    "a CSV with the columns input, options (separated by |) and answer; further columns are "
    "fields, and a column split may say train, dev or test"
)
_MEANT = ("input", "options", "answer", "split", "id")
_SPLITS = ("train", "dev", "test")
_NUMBERED = "its first column has no name and numbers the rows"
_INDEX = ("", "__index_level_0__")
"""Names of an index that pandas saved as a column."""


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
    return task_of(path, _table(path), task_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A decoded table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, Mapping[str, str]], ...]
    """The place of each row, for messages, and its cells as texts."""
    omissions: tuple[Omission, ...] = ()


def task_of(path: Path, found: Rows, task_type: TaskType | None = None) -> Task:
    """The task of a decoded table; see `read_labelled_table`.

    Raises:
        InputError: A column is missing, or a row is malformed.
    """
    columns, rows = found.columns, found.rows
    fields = [c for c in columns if c not in ("options", "answer", "split", "id")]
    if "answer" not in columns or not fields:
        raise InputError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected {EXPECTED}"
        )
    if len({field_name(c) for c in columns}) < len(columns):
        raise InputError(f"{path} names a column twice: {', '.join(columns)}")
    answers = tuple(dict.fromkeys(row["answer"] for _, row in rows if row["answer"]))
    placed = _placed([row for _, row in rows])
    examples = [_example(where, row, path.stem, fields, answers, placed) for where, row in rows]
    if not examples:
        raise InputError(f"{path} has no rows below its header; expected {EXPECTED}")
    spaces = {frozenset(e.options) for e in examples}
    common = examples[0].options if len(spaces) == 1 else ()
    inferred = TaskType.QA if not common else TaskType.BC if len(common) == 2 else TaskType.MC
    read_as = Omission(
        what="column", name=f"{path}, answer", reason="its numbers are read as places in the "
        "options, counted from 0",
    )
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
        omissions=(*found.omissions, *([read_as] if placed else [])),
    )


def _placed(rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether the answers are classes by number, with their names in the options."""
    labelled = [(row["answer"], cell_lists.split(row.get("options", ""))) for row in rows]
    known = [(answer, options) for answer, options in labelled if answer]
    return bool(known) and all(cell_lists.place(a, options) is not None for a, options in known)


def _table(path: Path) -> Rows:
    """The rows of a CSV or TSV."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error
    separator = "\t" if path.suffix.lower() == ".tsv" else ""
    lines = [
        (line, [cell.strip() for cell in found])
        for line, found in csv_lines.csv_lines(text, str(path), separator)
        if any(c.strip() for c in found)
    ]
    if not lines:
        return Rows(columns=(), rows=())
    (_, header), *below = lines
    skipped = _numbering(header, [row for _, row in below])
    columns = _columns(header[skipped:])
    rows = []
    for line, row in below:
        row = row[skipped:]
        if not any(row[len(columns) :]):
            row = row[: len(columns)]
        if len(row) != len(columns):
            raise InputError(
                f"{path}, line {line}: {len(row)} cells, the header has {len(columns)}; put "
                "quotation marks around text that holds what parts the cells"
            )
        rows.append((f"{path}, line {line}", dict(zip(columns, row, strict=True))))
    left = [Omission(what="column", name=str(path), reason=_NUMBERED)] if skipped else []
    return Rows(columns=tuple(columns), rows=tuple(rows), omissions=tuple(left))


def typed(path: Path, raw: Raw) -> Rows:
    """The rows of JSON or Parquet: values as texts, lists as options; an object gives fields.

    Raises:
        InputError: A row or a cell is malformed.
    """
    rows = []
    for number, row in enumerate(raw.rows):
        where = f"{path}, row {number + 1}"
        if number in raw.errors:
            raise InputError(f"{where}: {raw.errors[number]}")
        made: dict[str, str] = {}
        for column in raw.columns:
            (name,) = _columns([column.strip()]) or [""]
            try:
                value = cells.usable(row.get(column))
            except cells.FaultyCell as error:
                raise InputError(f"{where}: the column {column!r} {error}") from error
            if name == "input" and isinstance(value, Mapping):
                made |= {str(key): cells.text_of(inner).strip() for key, inner in value.items()}
            else:
                made[name] = cells.text_of(value).strip()
        rows.append((where, made))
    columns = tuple(dict.fromkeys(name for _, row in rows for name in row))
    for where, row in rows:
        if missing := [name for name in columns if name not in row]:
            raise InputError(f"{where}: no field {missing[0]!r}, which other rows have")
    numbered = [c for c in columns if c in _INDEX]
    left = [Omission(what="column", name=f"{path}, {c}", reason=_NUMBERED) for c in numbered]
    return Rows(
        columns=tuple(c for c in columns if c not in numbered), rows=tuple(rows),
        omissions=tuple(left),
    )


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
    if path.suffix.lower() == ".tsv":
        return path.is_file()
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        first = lines.readline()
    names = next(csv.reader([first], delimiter=csv_lines.separator_of(first)), [])
    header = [c.strip().casefold() for c in names]
    # MMLU's files have no header, or one that names the options A, B, C, D.
    return "answer" in header and not {"a", "b", "c", "d"} <= set(header)


def _example(
    where: str, row: Mapping[str, str], task: str, fields: list[str], answers: tuple[str, ...],
    placed: bool,
) -> Example:
    given = cell_lists.split(row.get("options", ""))
    options = given or answers
    if len(set(options)) < 2 or len(set(options)) < len(options):
        raise InputError(
            f"{where}: options {list(options)}; expected two or more different ones, separated by |"
        )
    answer: str | None = row["answer"] or None
    place = cell_lists.place(row["answer"], options) if placed else None
    answer = answer if place is None else options[place]
    if answer is not None and answer not in options:
        raise InputError(f"{where}: answer {answer!r} is not among {list(options)}")
    split = row.get("split", "") or "test"
    if split not in _SPLITS:
        raise InputError(f"{where}: split {split!r}; choose one of {', '.join(_SPLITS)}")
    return Example(
        task=task, fields={field_name(name): row[name] for name in fields}, options=options,
        answer=answer, split=split,
    )
