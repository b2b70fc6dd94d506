"""The result of a scored row: the columns that are added to a table, in the order of DESIGN.md.

Does not compute them; see `row_scorer.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from robustness.stats import significance
from robustness.types import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """The result of a row. Degradation, accuracies and differences are in points."""

    status: str = "ok"
    """`ok` or `error`."""
    error: str | None = None
    nearest_observed: str | None = None
    nearest_collection: str | None = None
    distance: float | None = None
    distance_percentile: float | None = None
    predicted_degradation: float | None = None
    low: float | None = None
    high: float | None = None
    tier: str | None = None
    in_support: bool | None = None
    conflict: str | None = None
    output_original: str | None = None
    output_aligned: str | None = None
    agree: bool | float | None = None
    """Whether both models give the same answer; for a task, the share of inputs on which."""
    accuracy_original: float | None = None
    accuracy_aligned: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_holm: float | None = None
    """The p-value adjusted over the table by Holm's method: see `adjusted`."""
    noise_floor: float | None = None
    """The least predicted degradation that means anything."""
    below_noise_floor: bool | None = None
    """Whether the predicted degradation is below it."""
    difference_noise_floor: float | None = None
    """The least difference that means anything."""
    difference_below_noise_floor: bool | None = None
    """Whether the difference is below it."""
    p: float | None = None
    """The unadjusted p-value of McNemar's test; not a column."""

    def cells(self) -> list[Any]:
        """The values of `COLUMNS`."""
        return [getattr(self, name) for name in COLUMNS]

    def document(self) -> dict[str, Any]:
        """The fields that are not None, as the journal stores them."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in known.items() if value is not None}


_P = "p"
COLUMNS = tuple(f.name for f in fields(ScoredRow) if f.name != _P)
"""The added columns, in order; input columns of the same names: see `result_columns.py`."""


def predicted(made: Prediction) -> ScoredRow:
    """The columns of a prediction."""
    nearest = made.nearest[0]
    return ScoredRow(
        nearest_observed=nearest.text, nearest_collection=nearest.collection,
        distance=nearest.distance, distance_percentile=nearest.percentile,
        predicted_degradation=made.degradation, low=made.low, high=made.high,
        tier=str(made.tier), in_support=made.in_support,
        conflict=" ".join(c.message for c in made.conflicts) or None,
        noise_floor=made.noise_floor, below_noise_floor=_below(made),
    )


def _below(made: Prediction) -> bool | None:
    if made.degradation is None or made.noise_floor is None:
        return None
    return abs(made.degradation) < made.noise_floor


def kept(document: Any) -> ScoredRow | None:
    """The result of a journal's document; None if another version wrote it (it is scored again)."""
    if not isinstance(document, Mapping) or "status" not in document:
        return None
    if not set(document) <= {f.name for f in fields(ScoredRow)}:
        return None
    return ScoredRow(**document)


def adjusted(rows: Sequence[ScoredRow]) -> list[ScoredRow]:
    """The results of a table, with p-values adjusted over its rows by Holm's method."""
    tested = [n for n, row in enumerate(rows) if row.p is not None]
    values = significance.holm([p for row in rows if (p := row.p) is not None])
    holm = dict(zip(tested, values, strict=True))
    return [replace(row, p_holm=holm.get(n)) for n, row in enumerate(rows)]
