"""Converts a recomputed table [S1] into a pandas DataFrame, and selects parts of it.

Numbers are not rounded.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pandas as pd

from robustness.errors import InputError
from robustness.evaluation.published.values import Figure, PublishedTable, TableRow

WITHOUT = "without_artefacts"
SETS = (
    "observed", "unobserved", "unobserved_development", "unobserved_test", "newly_collected",
    "with_task_designer",
)
"""Columns that stand for a set of instructions; a column with `_std` appended belongs to it."""

_FLAN_ALONE: Mapping[str, str] = {
    "fig3": "accuracy", "fig6": "newly_collected", "table4": "accuracy_difference",
}
"""Tables of Flan-T5 alone -> the column that is repeated without artefacts."""


def complete(made: PublishedTable) -> PublishedTable:
    """The table with a column `without_artefacts`.

    None of the artefacts concerns Flan-T5, so in its tables that column repeats the values, with a
    footnote that says so.
    """
    if made.name not in _FLAN_ALONE or WITHOUT in made.columns:
        return made
    column = _FLAN_ALONE[made.name]
    note = (
        f"None of the three artefacts of Table 3 is a cell of Flan-T5: without them "
        f"'{column.replace('_', ' ')}' stays what it is."
    )
    return replace(
        made,
        columns=(*made.columns, WITHOUT),
        rows=tuple(
            replace(
                row,
                # The printed number is shown with the original column only.
                figures={**row.figures, WITHOUT: replace(row.figures[column], printed=None)},
                notes=(*row.notes, len(made.footnotes) + 1),
            )
            for row in made.rows
        ),
        footnotes=(*made.footnotes, note),
    )


def sets_of(made: PublishedTable) -> tuple[str, ...]:
    """The columns of a table that stand for sets of instructions."""
    return tuple(c for c in made.columns if c in SETS)


def pick(
    made: PublishedTable,
    *,
    names: Collection[str] = (),
    groups: Collection[str] = (),
    sets: Collection[str] = (),
) -> PublishedTable:
    """Selects rows and columns of a table; an empty selection keeps everything.

    Args:
        made: The table.
        names: Names of the rows to keep: models, kinds of instruction, tasks.
        groups: Groups of the rows to keep: task types or datasets.
        sets: Sets of instructions to keep, see `sets_of`; columns that are no set are kept.

    Raises:
        InputError: No row is left.
    """
    rows = tuple(
        row for row in made.rows
        if (not names or row.name in names) and (not groups or row.group in groups)
    )
    if not rows:
        raise InputError(
            f"{made.source} has no row of {', '.join(names)} for {', '.join(groups)}; choose "
            "other rows or other task types"
        )
    dropped = set(sets_of(made)) - set(sets) if sets else set()
    columns = tuple(c for c in made.columns if c.removesuffix("_std") not in dropped)
    return replace(made, rows=rows, columns=columns)


def _cells(column: str, figure: Figure | None) -> dict[str, float | None]:
    if figure is None:
        return {column: None, f"{column}_low": None, f"{column}_high": None}
    made = {column: figure.value, f"{column}_low": figure.low, f"{column}_high": figure.high}
    if figure.printed is not None:
        made[f"{column}_printed"] = figure.printed
    return made


def _line(row: TableRow, made: PublishedTable) -> dict[str, object]:
    cells: dict[str, object] = {"name": row.name, "group": row.group}
    for column in made.columns:
        cells |= _cells(column, row.figures.get(column))
    return cells


def frame(made: PublishedTable) -> pd.DataFrame:
    """The table as a DataFrame: name, group, each column with its interval, and its footnotes."""
    table = pd.DataFrame([_line(row, made) for row in made.rows])
    # A standard deviation has no interval: its bounds would be two empty columns.
    table = table.dropna(axis="columns", how="all")
    notes = [" ".join(made.footnotes[n - 1] for n in row.notes) for row in made.rows]
    return table.assign(interval=made.interval, notes=notes)
