"""Reads and writes tables of instructions: CSV, TSV, JSON, JSON lines and Parquet.

An error in a row is stored with that row; a file in which rows may be lost is an error as a whole.
Does not check the meaning of cells; see `scoring/rows.py`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.errors import CorruptFileError, InputError, NotFoundError, RobustnessError
from robustness.storage import cell_lists, csv_lines, files, parquet_size
from robustness.storage.limits import UNLIMITED, Gauge, Limits

INSTRUCTION = "instruction"
NAMES = (INSTRUCTION, "task", "input", "options", "answer", "id")
"""Columns with a meaning; they are found in any letter case."""
LONGEST_CELL = 131_072
"""Most characters of a cell; a row with a longer one has an error."""

_DEEPEST = 32
"""Deepest nesting of lists and objects in a cell of JSON."""
_MOST_DIGITS = 4000
"""Most digits of an integer; Python does not print more than 4,300."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE = re.compile(r"[^\n]+")
_NO_BYTE = re.compile("[\udc80-\udcff]")
"""The lone surrogates that stand for bytes that are not UTF-8."""
_BROKEN = "\N{REPLACEMENT CHARACTER}"
_LARGEST = 2**63
"""Integers from this one on have no type in Parquet."""
_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInput:
    """A row of a table as it was read."""

    number: int
    """Number of the row, from 0."""
    cells: Mapping[str, Any]
    """Column -> value; "" if there is none. CSV gives texts, the other formats typed values."""
    broken: str | None = None
    """The error in the row's format, such as too many cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it was read."""

    columns: tuple[str, ...]
    """Keys of the rows' cells; those of `NAMES` in lower case."""
    header: tuple[str, ...]
    """The columns' names as in the file."""
    rows: tuple[RowInput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """The columns and rows of a file before its cells are checked."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    errors: Mapping[int, str]


class _TooLong(str):
    """The digits of an integer that is too long for Python to convert."""


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(
            f"{name}: the ending {suffix or '(none)'} is unknown; use {', '.join(_SUFFIXES)}"
        )
    return suffix


def _csv_rows(data: bytes, suffix: str, gauge: Gauge) -> _Raw:
    found = csv_lines.csv_lines(
        csv_lines.decoded(data), gauge.name, "\t" if suffix == ".tsv" else ""
    )
    columns = [c.strip() for c in next(found, (0, []))[1]]
    if not columns:
        raise InputError(f"{gauge.name} is empty; its first line must name the columns")
    lines, read, used = [], 0, 0
    for _, line in found:
        lines.append(line)
        read += len(line)
        used = max(used, _used(line))
        gauge.read(len(lines), 0)
        gauge.limits.check("cells", read, gauge.name)
    # Spreadsheets write empty columns after the last one.
    while len(columns) > used and not columns[-1]:
        columns.pop()
    if len(set(columns)) < len(columns):
        raise InputError(f"{gauge.name} names a column twice: {', '.join(columns)}")
    gauge.read(len(lines), len(columns))
    errors = {
        number: f"the row has {len(line)} cells, the header {len(columns)}; put quotation marks "
        "around text that holds a comma"
        for number, line in enumerate(lines) if _used(line) > len(columns)
    }
    rows = [dict(zip(columns, line, strict=False)) for line in lines]
    return _Raw(columns=columns, rows=rows, errors=errors)


def _used(line: Sequence[str]) -> int:
    """Number of cells up to the last one that is not blank."""
    return next((n for n in range(len(line), 0, -1) if line[n - 1].strip()), 0)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else _TooLong(digits)


def _parsed(text: str) -> Any:
    """The value of a JSON document.

    Raises:
        ValueError: The text is not JSON, or lists and objects are nested too deeply.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("lists and objects lie too deep inside one another") from None


def _object(row: Any) -> Mapping[str, Any] | None:
    return {str(k): v for k, v in row.items()} if isinstance(row, dict) else None


def _jsonl_rows(data: bytes, gauge: Gauge) -> _Raw:
    text = _json_text(data, gauge)
    columns: dict[str, None] = {}
    rows: list[Mapping[str, Any]] = []
    errors = {}
    for found in _LINE.finditer(text):
        line, row = found[0], None
        if not line.strip():
            continue
        try:
            row = _object(_parsed(line))
            if row is None:
                errors[len(rows)] = "the line is not a JSON object"
        except ValueError as error:
            errors[len(rows)] = f"the line is not JSON: {error}"
        columns |= dict.fromkeys(row or {})
        rows.append(row or {})
        gauge.read(len(rows), len(columns))
    return _Raw(columns=list(columns), rows=rows, errors=errors)


def _json_text(data: bytes, gauge: Gauge) -> str:
    """The text of JSON; parsed lists and objects take many times the memory of their text.

    Raises:
        InputError: It has more of them than cells are allowed.
    """
    text = csv_lines.decoded(data)
    gauge.limits.check("cells", text.count("[") + text.count("{"), gauge.name)
    return text


def _json_rows(data: bytes, gauge: Gauge) -> _Raw:
    try:
        found = _parsed(_json_text(data, gauge))
    except ValueError as error:
        raise CorruptFileError(f"{gauge.name} is not JSON: {error}") from error
    if not isinstance(found, list):
        raise InputError(f"{gauge.name} must hold one list of objects, a row each")
    columns: dict[str, None] = {}
    rows: list[Mapping[str, Any]] = []
    errors = {}
    for number, value in enumerate(found):
        row = _object(value)
        if row is None:
            errors[number] = "the row is not a JSON object"
        columns |= dict.fromkeys(row or {})
        rows.append(row or {})
        gauge.read(len(rows), len(columns))
    return _Raw(columns=list(columns), rows=rows, errors=errors)


def _parquet_rows(data: bytes, gauge: Gauge) -> _Raw:
    try:
        parquet_size.check(data, gauge)
        table = pd.read_parquet(io.BytesIO(data))
    except RobustnessError:
        raise
    except Exception as error:
        # Pandas and Arrow raise errors of many kinds where the bytes are damaged.
        raise CorruptFileError(f"{gauge.name} is not a Parquet file: {error}") from error
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict(orient="records")]
    return _Raw(columns=[str(c) for c in table.columns], rows=rows, errors={})


def _keys(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The key of each column in the rows' cells."""
    taken = set(columns)
    keys = []
    for column in columns:
        small = column.strip().casefold()
        if small in names and small not in taken:
            taken.add(small)
            keys.append(small)
        else:
            keys.append(column)
    return keys


class _FaultyCell(ValueError):
    """The error in a cell, with the text that replaces the cell."""

    def __init__(self, reason: str, kept: str) -> None:
        super().__init__(reason)
        self.kept = kept


def _whole_text(text: str) -> str:
    if _SURROGATE.search(text):
        kept = _SURROGATE.sub(_BROKEN, text)
        if _NO_BYTE.search(text):
            raise _FaultyCell("is not UTF-8; save the file as UTF-8", kept)
        raise _FaultyCell("holds half a character (a lone surrogate); write it whole", kept)
    if len(text) > LONGEST_CELL:
        raise _FaultyCell(
            f"has {len(text)} characters; a cell can have {LONGEST_CELL}, so shorten it", text
        )
    return text


def _checked(value: Any, depth: int = 0) -> None:
    """Raises `_FaultyCell` for unusable values within lists and objects."""
    if depth > _DEEPEST:
        raise _FaultyCell(f"has more than {_DEEPEST} lists or objects inside one another", "")
    if isinstance(value, _TooLong):
        raise _FaultyCell(
            f"holds a whole number of {len(value)} digits; write it as text if it is one",
            str(value),
        )
    if isinstance(value, str):
        _whole_text(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _checked(str(key), depth + 1)
            _checked(inner, depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _checked(inner, depth + 1)


def _cell(value: Any) -> Any:
    """The value of a cell.

    Raises:
        _FaultyCell: The cell cannot be used.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    _checked(value)
    if isinstance(value, (list, tuple)):
        return cell_lists.join([text_of(v) for v in value])
    if isinstance(value, Mapping):
        return value
    return "" if value is None or value is pd.NA or value != value else value


def text_of(value: Any) -> str:
    """The text of a cell as a user would write it, also for numbers and booleans."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Parquet has no whole numbers beside missing ones
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(files.plain(value), ensure_ascii=False, default=str)
    return str(value)


def _row(
    number: int, raw: Mapping[str, Any], keys: Mapping[str, str], error: str | None
) -> RowInput:
    cells = {}
    for column, key in keys.items():
        try:
            cells[key] = _cell(raw.get(column))
        except _FaultyCell as fault:
            cells[key] = fault.kept
            error = error or f"the column {_SURROGATE.sub(_BROKEN, column)!r} {fault}"
    return RowInput(number=number, cells=cells, broken=error)


def read_table(
    source: Path | bytes, name: str = "", *, required: str | None = INSTRUCTION,
    names: Sequence[str] = NAMES, limits: Limits = UNLIMITED,
    should_stop: Callable[[], bool] = lambda: False,
) -> Table:
    """Reads a table; cells keep their text, empty ones are "".

    Args:
        source: A file, or its bytes.
        name: The file's name, for its ending and for messages; by default the path's.
        required: A column that the table must have; None: none.
        names: Columns that are found in any letter case, in lower case.
        limits: The largest table that is accepted; a larger one is refused before it is built.
        should_stop: Called at every row; True cancels.

    Raises:
        NotFoundError: There is no such file.
        InputError: The ending is unknown, the required column is missing, rows may be lost, or the
            table is larger than the limits.
        CorruptFileError: The file is not of the format of its ending.
        CancelledError: `should_stop` returned True.
    """
    if isinstance(source, Path):
        name = name or source.name
        if not source.is_file():
            raise NotFoundError(f"{source} does not exist")
        source = source.read_bytes()
    suffix = _suffix(name)
    gauge = Gauge(name=name, limits=limits, should_stop=should_stop)
    if suffix in (".csv", ".tsv"):
        raw = _csv_rows(source, suffix, gauge)
    elif suffix == ".jsonl":
        raw = _jsonl_rows(source, gauge)
    elif suffix == ".json":
        raw = _json_rows(source, gauge)
    else:
        raw = _parquet_rows(source, gauge)
    keys = _keys(raw.columns, [*names, *([required] if required else [])])
    header = tuple(_SURROGATE.sub(_BROKEN, c) for c in raw.columns)
    if required is not None and required not in keys:
        raise InputError(f"{name} has no column {required!r}; found: {', '.join(header) or 'none'}")
    columns = tuple(_SURROGATE.sub(_BROKEN, key) for key in keys)
    by_column = dict(zip(raw.columns, columns, strict=True))
    rows = []
    for number, row in enumerate(raw.rows):
        gauge.go_on()
        rows.append(_row(number, row, by_column, raw.errors.get(number)))
    return Table(columns=columns, header=header, rows=tuple(rows))


def guarded(value: object) -> object:
    """A cell that no spreadsheet runs as a formula; plain numbers need no change."""
    if not isinstance(value, str) or not value.startswith(_FORMULA) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def _absent(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _printed(value: Any) -> Any:
    """A value as a cell of CSV."""
    if _absent(value):
        return ""
    return guarded(text_of(value) if isinstance(value, Mapping) else value)


def _documented(value: Any) -> Any:
    """A value as a type of JSON; values of other types become text."""
    if _absent(value):
        return None
    known = (str, bool, int, float, Mapping, list, tuple, np.generic)
    return value if isinstance(value, known) else str(value)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]], separator: str = ",") -> bytes:
    """The CSV of rows of values, with formulas guarded: see `guarded`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow([guarded(c) for c in columns])
    writer.writerows([_printed(v) for v in row] for row in rows)
    return out.getvalue().encode()


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Writes a table as CSV, TSV, JSON, JSON lines or Parquet by the ending, atomically.

    Args:
        path: The file.
        columns: Names of the columns.
        rows: The rows, each with a value for every column.

    Raises:
        InputError: The ending is unknown.
    """
    suffix = _suffix(path.name)
    if suffix in (".json", ".jsonl"):
        documents = [
            {c: _documented(v) for c, v in zip(columns, row, strict=True)} for row in rows
        ]
        (files.write_json if suffix == ".json" else files.write_jsonl)(path, documents)
        return
    with files.atomic_path(path) as temporary:
        if suffix == ".parquet":
            _typed(columns, rows).to_parquet(temporary, index=False)
        else:
            separator = "\t" if suffix == ".tsv" else ","
            temporary.write_bytes(csv_bytes(columns, rows, separator))


def _typed(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """A frame with one type in each column, as Parquet needs; mixed columns become text."""
    series: dict[str, pd.Series[Any]] = {}
    for place, name in enumerate(columns):
        values = [None if _absent(row[place]) else row[place] for row in rows]
        known = [v for v in values if v is not None]
        kinds = {bool if isinstance(v, np.bool_) else type(v) for v in known}
        mixed = len(kinds) > 1 and not kinds <= {int, float}
        large = any(isinstance(v, int) and abs(v) >= _LARGEST for v in known)
        if mixed or large or dict in kinds:
            values = [
                None if v is None else text_of(v) if isinstance(v, Mapping) else str(v)
                for v in values
            ]
        series[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(series).convert_dtypes()
