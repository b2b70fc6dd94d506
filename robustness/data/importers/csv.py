"""Imports a user's table of instructions: CSV, JSON lines or Parquet with a column for the text.

Unknown columns are reported and not read.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from robustness.data import prompts, tasks
from robustness.data.importers import folders, kinds, wording
from robustness.data.importers.imported import Change, Draft, Gathering, Imported, place
from robustness.data.importers.kinds import Answers
from robustness.data.importers.wording import UnreadableError
from robustness.errors import InputError
from robustness.storage import cell_lists, cells, tables
from robustness.storage.files import parse_json
from robustness.storage.tables import Table
from robustness.types import TaskType

SOURCE = "csv"
TEXT_COLUMNS = ("instruction", "text", "template", "prompt")
COLUMNS = (
    "collection", "task", "task_type", "type", "observed", "label_words", "options",
    "option_format", "source", "id",
)
EXPECTED = (
    f"a table with a column {', '.join(TEXT_COLUMNS[:-1])} or {TEXT_COLUMNS[-1]}; further columns "
    f"may be {', '.join(COLUMNS)}"
)
UNTYPED = (
    "nothing says what its answers are; fill a column task_type, options or label_words, or give "
    "--task-type qa, mc or bc"
)
_TRUE = frozenset({"true", "yes", "1", "y"})
_FALSE = frozenset({"false", "no", "0", "n", ""})


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports a table, or all tables below a folder.

    Args:
        path: A .csv, .jsonl or .parquet file, or a folder of them.
        task_type: Task type of all rows; None: as the table says, or inferred.

    Raises:
        InputError: The file is not a table, or has no column with the text.
        NotFoundError: There is no such file.
    """
    return folders.gather(SOURCE, path, ("*.csv", "*.jsonl", "*.parquet"), _read, task_type)


def _read(path: Path, gathered: Gathering) -> None:
    table, name = _table(path)
    unknown = [c for c in table.columns if c not in (name, *COLUMNS)]
    if unknown:
        gathered.note(Change(where=str(path), what=f"columns not read: {', '.join(unknown)}"))
    for row in table.rows:
        where = place(path, f"row {row.number + 1}")
        if row.broken:
            gathered.leave(where, row.broken)
            continue
        try:
            _take(where, row.cells, name, path.stem, gathered)
        except UnreadableError as error:
            gathered.leave(where, str(error))


def _table(path: Path) -> tuple[Table, str]:
    """The table with lower-case column names, and the name of the column with the text."""
    try:
        table = tables.read_table(path, required=None)
    except InputError as error:
        raise InputError(f"{error}; expected {EXPECTED}") from error
    keys = {c: c.casefold().replace(" ", "_") for c in table.columns}
    known = [name for name in TEXT_COLUMNS if name in keys.values()]
    if not known:
        found = ", ".join(table.header) or "none"
        raise InputError(
            f"{path.name} has no column {TEXT_COLUMNS[0]!r}; found: {found}; expected {EXPECTED}"
        )
    rows = tuple(
        replace(row, cells={keys[c]: v for c, v in row.cells.items()}) for row in table.rows
    )
    return replace(table, columns=tuple(keys.values()), rows=rows), known[0]


def _cell(row: Mapping[str, Any], name: str) -> str:
    return cells.text_of(row.get(name, "")).strip()


def _observed(row: Mapping[str, Any]) -> bool:
    found = _cell(row, "observed").casefold()
    if found not in _TRUE | _FALSE:
        raise UnreadableError(f"observed is {found!r}; write true or false")
    return found in _TRUE


def _labels(found: object) -> dict[str, str]:
    """Label words from `{"positive": "yes"}` or `positive=yes|negative=no`."""
    if isinstance(found, dict):
        return {str(k): str(v) for k, v in found.items()}
    text = str(found).strip()
    if not text:
        return {}
    if text.startswith("{"):
        try:
            return {str(k): str(v) for k, v in parse_json(text).items()}
        except ValueError as error:
            raise UnreadableError(f"label_words are not JSON ({error})") from error
    pairs = [part.partition("=") for part in text.split("|")]
    if not all(mark and key.strip() and word.strip() for key, mark, word in pairs):
        raise UnreadableError(f"label_words {text!r} are not like `option=word|option=word`")
    return {key.strip(): word.strip() for key, _, word in pairs}


def _stated(row: Mapping[str, Any], task: str) -> TaskType | None:
    """The task type in the row, or that of the built-in task that the row names."""
    name = _cell(row, "task_type") or _cell(row, "type")
    if name and (found := kinds.parse(name)) is None:
        raise UnreadableError(f"task_type {name!r} is unknown; choose QA, MC or BC")
    if name:
        return found
    return tasks.builtin(task).task_type if task in tasks.builtin_names() else None


def _take(
    where: str, row: Mapping[str, Any], column: str, stem: str, gathered: Gathering
) -> None:
    text, task = _cell(row, column), _cell(row, "task")
    names = prompts.placeholders(text)
    options = cell_lists.split(_cell(row, "options"))
    labels = _labels(row.get("label_words", ""))
    style = _cell(row, "option_format")
    words = tuple(labels.values()) or options
    answers = Answers(
        stated=_stated(row, task), words=words,
        count=kinds.dataset(task) or kinds.named(text),
        vary="options" in names or bool(style), asks="question" in names,
    )
    changes: list[str] = []
    if "options" in names and not style:
        style = prompts.DEFAULT_OPTION_FORMAT
        changes.append(f"it does not say how {{options}} are written; listed as `{style}`")
    # The table was written for this project: its placeholders are already in the right form.
    draft = Draft(
        text=text, answers=answers, collection=_cell(row, "collection") or stem,
        task=task or None, observed=_observed(row), option_format=style, label_words=labels,
        untyped=UNTYPED, source=_cell(row, "source") or f"{stem}, {where.rpartition(', ')[2]}",
    )
    if odd := [n for n in _braced(text) if n not in names]:
        rule = "small letters, digits and _ only"
        changes.append(f"{{{odd[0]}}} is no placeholder ({rule}); left as text")
    gathered.take(where, draft, tuple(changes))


def _braced(text: str) -> list[str]:
    try:
        return wording.MARK.findall(wording.formatted(text))
    except UnreadableError:
        return []
