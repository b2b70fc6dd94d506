"""What a recomputed table of the paper [S1] is made of.

Refuses to know which table it is and how it is shown; everything is in points (0 to 100).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a table."""

    value: float
    low: float | None = None
    high: float | None = None
    """Percentile interval; None where nothing can be drawn again (one instruction, a spread, a
    number that is only printed)."""
    printed: float | None = None
    """What the paper prints, where that is known and the released results can be held against
    it."""
    recomputed: bool = True
    """False: the released results do not hold what it was made from, the paper's own number
    stands here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One line of a table."""

    name: str
    """A model, a type of instruction, a claim."""
    group: str
    """The datasets that it is about."""
    figures: Mapping[str, Figure]
    """Column -> number; a column that does not apply is absent."""
    notes: tuple[int, ...] = ()
    """Numbers of the footnotes, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """One table or figure of the paper, recomputed."""

    name: str
    title: str
    source: str
    """Which part of the paper."""
    decimals: int
    """To which the paper gives it."""
    interval: str
    """What the intervals are."""
    coverage: float
    draws: int
    seed: int
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    footnotes: tuple[str, ...]
    unit: str = "points"
