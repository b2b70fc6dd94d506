"""Decodes table files into rows of raw values: CSV, TSV, JSON, JSON lines and Parquet.

An error in a row is stored with that row; a file in which rows may be lost is an error as a whole.
Does not check the meaning of columns or cells; see `tables.py` and `cells.py`.
"""

import importlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.errors import CorruptFileError, InputError, RobustnessError
from robustness.storage import csv_lines
from robustness.storage.cells import TooLong
from robustness.storage.limits import UNLIMITED, Gauge

_MOST_DIGITS = 4000
"""Most digits of an integer; Python does not print more than 4,300."""
_LINE = re.compile(r"[^\n]+")
_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The columns and rows of a file before its cells are checked."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    errors: Mapping[int, str]
    """Number of a row -> the error in its format."""


def suffix_of(name: str) -> str:
    """The ending of a file's name, in lower case.

    Raises:
        InputError: No table has it.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(
            f"{name}: the ending {suffix or '(none)'} is unknown; use {', '.join(_SUFFIXES)}"
        )
    return suffix


def _csv_rows(data: bytes, suffix: str, gauge: Gauge) -> Raw:
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
    return Raw(columns=columns, rows=rows, errors=errors)


def _used(line: Sequence[str]) -> int:
    """Number of cells up to the last one that is not blank."""
    return next((n for n in range(len(line), 0, -1) if line[n - 1].strip()), 0)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else TooLong(digits)


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


def _jsonl_rows(data: bytes, gauge: Gauge) -> Raw:
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
    return Raw(columns=list(columns), rows=rows, errors=errors)


def _json_text(data: bytes, gauge: Gauge) -> str:
    """The text of JSON; parsed lists and objects take many times the memory of their text.

    Raises:
        InputError: It has more of them than cells are allowed.
    """
    text = csv_lines.decoded(data)
    gauge.limits.check("cells", text.count("[") + text.count("{"), gauge.name)
    return text


def _json_rows(data: bytes, gauge: Gauge) -> Raw:
    try:
        found = _parsed(_json_text(data, gauge))
    except ValueError as error:
        raise CorruptFileError(f"{gauge.name} is not JSON: {error}") from error
    return _json_list(found, gauge)


def of_json(found: Any, name: str) -> Raw:
    """The rows of a JSON document that was parsed already.

    Raises:
        InputError: It is no list.
    """
    return _json_list(found, Gauge(name=name, limits=UNLIMITED, should_stop=lambda: False))


def _json_list(found: Any, gauge: Gauge) -> Raw:
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
    return Raw(columns=list(columns), rows=rows, errors=errors)


def parquet() -> Any:
    """The module `parquet`, imported only where it is needed: see there."""
    return importlib.import_module("robustness.storage.parquet")


def _parquet_rows(data: bytes, gauge: Gauge) -> Raw:
    try:
        columns, rows = parquet().read(data, gauge)
    except RobustnessError:
        raise
    except Exception as error:
        # Pandas and Arrow raise errors of many kinds where the bytes are damaged.
        raise CorruptFileError(f"{gauge.name} is not a Parquet file: {error}") from error
    return Raw(columns=columns, rows=rows, errors={})


def read_raw(data: bytes, gauge: Gauge) -> Raw:
    """Decodes a file by the ending of its name.

    Args:
        data: The file's bytes.
        gauge: The file's name, and the largest table that is accepted.

    Raises:
        InputError: The ending is unknown, rows may be lost, or the table is too large.
        CorruptFileError: The file is not of the format of its ending.
        CancelledError: The gauge says to stop.
    """
    suffix = suffix_of(gauge.name)
    if suffix in (".csv", ".tsv"):
        return _csv_rows(data, suffix, gauge)
    if suffix == ".jsonl":
        return _jsonl_rows(data, gauge)
    return _json_rows(data, gauge) if suffix == ".json" else _parquet_rows(data, gauge)


def read_file(path: Path) -> Raw:
    """Decodes a file of the user's, whatever its size; see `read_raw`."""
    gauge = Gauge(name=str(path), limits=UNLIMITED, should_stop=lambda: False)
    return read_raw(path.read_bytes(), gauge)
