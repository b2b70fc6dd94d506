"""Tables of instructions: CSV, JSON, JSON lines and Parquet, read row by row and written whole.

Refuses to let one broken row cost the others, and knows nothing of models.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.storage import files

INSTRUCTION = "instruction"
ROW_ERRORS = "row_errors"
"""Key in `DataFrame.attrs`: row number -> what is wrong with how the row is written."""
_BROKEN = "\N{REPLACEMENT CHARACTER}"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(
            f"{name}: the ending {suffix or '(none)'} is unknown; use {', '.join(_SUFFIXES)}"
        )
    return suffix


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _csv_rows(data: bytes, name: str) -> tuple[list[str], list[dict[str, Any]], dict[int, str]]:
    text = _text(data)
    header = text.partition("\n")[0]
    separator = ";" if ";" in header and "," not in header else ","
    separator = "\t" if "\t" in header and separator not in header else separator
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}") from error
    if not lines:
        raise InputError(f"{name} is empty; its first line must name the columns")
    columns = [c.strip() for c in lines[0]]
    if len(set(columns)) < len(columns):
        raise InputError(f"{name} names a column twice: {', '.join(columns)}")
    rows, errors = [], {}
    for number, line in enumerate(lines[1:]):
        if len(line) > len(columns):
            errors[number] = (
                f"the row has {len(line)} cells, the header {len(columns)}; put quotation marks "
                "around text that holds a comma"
            )
        rows.append(dict(zip(columns, line, strict=False)))
    return columns, rows, errors


def _jsonl_rows(data: bytes) -> tuple[list[str], list[dict[str, Any]], dict[int, str]]:
    columns: dict[str, None] = {}
    rows, errors = [], {}
    for number, line in enumerate(x for x in _text(data).split("\n") if x.strip()):
        row: Any = {}
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            errors[number] = f"the line is not JSON: {error}"
        if not isinstance(row, dict):
            row, errors[number] = {}, "the line is not a JSON object"
        columns |= dict.fromkeys(str(key) for key in row)
        rows.append(row)
    return list(columns), rows, errors


def _json_rows(
    data: bytes, name: str
) -> tuple[list[str], list[dict[str, Any]], dict[int, str]]:
    try:
        rows = json.loads(_text(data))
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{name} is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise InputError(f"{name} must hold one list of objects, a row each")
    errors = {n: "the row is not a JSON object" for n, r in enumerate(rows) if type(r) is not dict}
    kept = [{str(k): v for k, v in r.items()} if n not in errors else {} for n, r in
            enumerate(rows)]
    return list(dict.fromkeys(key for row in kept for key in row)), kept, errors


def _parquet_rows(data: bytes, name: str) -> tuple[list[str], list[dict[str, Any]], dict[int, str]]:
    try:
        table = pd.read_parquet(io.BytesIO(data))
    except Exception as error:
        # Pandas and Arrow raise errors of many kinds where the bytes are damaged.
        raise CorruptFileError(f"{name} is not a Parquet file: {error}") from error
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict(orient="records")]
    return [str(c) for c in table.columns], rows, {}


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return "|".join(str(v) for v in value)
    return "" if value is None or value is pd.NA or value != value else value


def read_table(
    source: Path | bytes, name: str = "", *, required: str = INSTRUCTION
) -> pd.DataFrame:
    """Reads a table of instructions; cells keep their text, empty ones are "".

    Args:
        source: A file, or its bytes.
        name: The file's name, for its ending and for messages; by default the path's.
        required: The column that must be there.

    Returns:
        A table with `attrs["row_errors"]`: row number -> how the row is broken.

    Raises:
        NotFoundError: There is no such file.
        InputError: The ending is unknown, or the required column is missing.
        CorruptFileError: It is not what its ending says.
    """
    if isinstance(source, Path):
        name = name or source.name
        if not source.is_file():
            raise NotFoundError(f"{source} does not exist")
        source = source.read_bytes()
    suffix = _suffix(name)
    if suffix == ".csv":
        columns, rows, errors = _csv_rows(source, name)
    elif suffix == ".jsonl":
        columns, rows, errors = _jsonl_rows(source)
    elif suffix == ".json":
        columns, rows, errors = _json_rows(source, name)
    else:
        columns, rows, errors = _parquet_rows(source, name)
    if required not in columns:
        raise InputError(
            f"{name} has no column {required!r}; found: {', '.join(columns) or 'none'}"
        )
    cells = [{c: _cell(row.get(c)) for c in columns} for row in rows]
    for number, row in enumerate(cells):
        broken = [c for c, v in row.items() if isinstance(v, str) and _BROKEN in v]
        if broken:
            errors.setdefault(
                number, f"the column {broken[0]!r} is not UTF-8; save the file as UTF-8"
            )
    table = pd.DataFrame(cells, columns=columns, dtype=object)
    table.attrs[ROW_ERRORS] = errors
    return table


def guarded(value: object) -> object:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _absent(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _records(table: pd.DataFrame) -> list[Mapping[str, Any]]:
    return [
        {str(k): None if _absent(v) else v for k, v in row.items()}
        for row in table.to_dict(orient="records")
    ]


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The table as guarded CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([guarded(str(c)) for c in table.columns])
    for row in _records(table):
        writer.writerow(["" if v is None else guarded(v) for v in row.values()])
    return out.getvalue().encode()


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes CSV, JSON, JSON lines or Parquet by the ending, atomically.

    Raises:
        InputError: The ending is unknown.
    """
    suffix = _suffix(path.name)
    if suffix == ".json":
        files.write_json(path, _records(table))
        return
    if suffix == ".jsonl":
        files.write_jsonl(path, _records(table))
        return
    with files.atomic_path(path) as temporary:
        if suffix == ".csv":
            temporary.write_bytes(csv_bytes(table))
        else:
            _typed(table).to_parquet(temporary, index=False)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of one type each, as Parquet wants them; a mixed one becomes text."""
    columns: dict[str, Sequence[Any]] = {}
    for name in table.columns:
        values = [None if _absent(v) else v for v in table[name]]
        known = [v for v in values if v is not None]
        kinds = {bool if isinstance(v, np.bool_) else type(v) for v in known}
        mixed = len(kinds) > 1 and not kinds <= {int, float}
        columns[str(name)] = [None if v is None else str(v) for v in values] if mixed else values
    series = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    return pd.DataFrame(series).convert_dtypes()
