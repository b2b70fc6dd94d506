"""Reads tables of instructions: CSV, TSV, JSON, JSON lines and Parquet.

An error in a row is stored with that row. Does not decode the formats; see `table_formats.py`. Does
not check the meaning of cells; see `scoring/rows.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.errors import InputError, NotFoundError
from robustness.storage import cells, table_formats
from robustness.storage.cells import FaultyCell
from robustness.storage.limits import UNLIMITED, Gauge, Limits

INSTRUCTION = "instruction"
NAMES = (INSTRUCTION, "task", "input", "options", "answer", "id")
"""Columns with a meaning; they are found in any letter case."""


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


def _row(
    number: int, raw: Mapping[str, Any], keys: Mapping[str, str], error: str | None
) -> RowInput:
    found = {}
    for column, key in keys.items():
        try:
            found[key] = cells.usable(raw.get(column))
        except FaultyCell as fault:
            found[key] = fault.kept
            error = error or f"the column {cells.without_halves(column)!r} {fault}"
    return RowInput(number=number, cells=found, broken=error)


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
    gauge = Gauge(name=name, limits=limits, should_stop=should_stop)
    raw = table_formats.read_raw(source, gauge)
    keys = _keys(raw.columns, [*names, *([required] if required else [])])
    header = tuple(cells.without_halves(c) for c in raw.columns)
    if required is not None and required not in keys:
        raise InputError(f"{name} has no column {required!r}; found: {', '.join(header) or 'none'}")
    columns = tuple(cells.without_halves(key) for key in keys)
    if len(set(columns)) < len(columns):
        raise InputError(
            f"{name} names a column twice: {', '.join(header)}; a name that is not UTF-8 counts "
            "as one with another such name, so save the file as UTF-8"
        )
    by_column = dict(zip(raw.columns, columns, strict=True))
    rows = []
    for number, row in enumerate(raw.rows):
        gauge.go_on()
        rows.append(_row(number, row, by_column, raw.errors.get(number)))
    return Table(columns=columns, header=header, rows=tuple(rows))
