"""Dataclasses of a recomputed table of [S1]; values are in points (0 to 100) unless noted."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a table, with its interval and the number in the paper."""

    value: float
    low: float | None = None
    high: float | None = None
    """Percentile interval; None where nothing can be resampled (a single instruction, a standard
    deviation, a number that is only printed)."""
    printed: float | None = None
    """The number in the paper, where it is known and can be compared."""
    recomputed: bool = True
    """False: the released results do not allow to recompute it; `value` is the paper's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of a table."""

    name: str
    """A model, a kind of instruction, or a claim."""
    group: str
    """The datasets or task type that it is about."""
    figures: Mapping[str, Figure]
    """Column -> number; a column that does not apply is absent."""
    notes: tuple[int, ...] = ()
    """Numbers of its footnotes, starting at 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """A recomputed table or figure of the paper."""

    name: str
    title: str
    source: str
    """Its name in the paper, e.g. `Table 3`."""
    decimals: int
    """Number of decimals in the paper."""
    interval: str
    """What was resampled for the intervals, in words."""
    coverage: float
    draws: int
    seed: int
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    footnotes: tuple[str, ...]
    unit: str = "points"
