"""Writes tables as CSV, TSV, JSON, JSON lines and Parquet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.storage import cells, files
from robustness.storage.table_formats import suffix_of

_LARGEST = 2**63
"""Integers from this one on have no type in Parquet."""


def _printed(value: Any) -> Any:
    """A value as a cell of CSV."""
    if cells.absent(value):
        return ""
    return cells.guarded(cells.text_of(value) if isinstance(value, Mapping) else value)


def _documented(value: Any) -> Any:
    """A value as a type of JSON; values of other types become text."""
    if cells.absent(value):
        return None
    known = (str, bool, int, float, Mapping, list, tuple, np.generic)
    return value if isinstance(value, known) else str(value)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]], separator: str = ",") -> bytes:
    """The CSV of rows of values, with formulas guarded: see `cells.guarded`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow([cells.guarded(c) for c in columns])
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
    suffix = suffix_of(path.name)
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
        values = [None if cells.absent(row[place]) else row[place] for row in rows]
        known = [v for v in values if v is not None]
        kinds = {bool if isinstance(v, np.bool_) else type(v) for v in known}
        mixed = len(kinds) > 1 and not kinds <= {int, float}
        large = any(isinstance(v, int) and abs(v) >= _LARGEST for v in known)
        if mixed or large or dict in kinds:
            values = [
                None if v is None else cells.text_of(v) if isinstance(v, Mapping) else str(v)
                for v in values
            ]
        series[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(series).convert_dtypes()
