"""Reads and writes Parquet files with pandas.

Imported only where a table is Parquet, since pandas and pyarrow take a quarter of a second.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.storage import cells, parquet_size
from robustness.storage.limits import Gauge

_LARGEST = 2**63
"""Integers from this one on have no type in Parquet."""


def read(data: bytes, gauge: Gauge) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns, and the rows with None where a cell is missing.

    Raises:
        InputError, CancelledError: See `parquet_size.check`.
        Exception: The bytes are damaged; pandas and Arrow raise errors of many kinds.
    """
    parquet_size.check(data, gauge)
    table = pd.read_parquet(io.BytesIO(data))
    # pandas stores a column that is a table's index apart from the others.
    named = [name for name in table.index.names if name is not None]
    table = table.reset_index(level=named) if named else table
    rows = [
        {str(k): None if v is pd.NA else v for k, v in row.items()}
        for row in table.to_dict(orient="records")
    ]
    return [str(c) for c in table.columns], rows


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Writes rows of values; mixed columns become text, since a column has one type."""
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
    pd.DataFrame(series).convert_dtypes().to_parquet(path, index=False)
