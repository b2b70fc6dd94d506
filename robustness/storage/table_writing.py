"""Writes tables as CSV, TSV, JSON, JSON lines and Parquet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robustness.storage import cells, files
from robustness.storage.table_formats import parquet, suffix_of


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
            parquet().write(temporary, columns, rows)
        else:
            separator = "\t" if suffix == ".tsv" else ","
            temporary.write_bytes(csv_bytes(columns, rows, separator))
