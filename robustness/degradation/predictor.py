"""From evidence to a number with an interval, learned from measured degradations.

Refuses to extrapolate: beyond the largest calibrated distance there is no number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness import provenance, storage
from robustness.degradation import conformal
from robustness.degradation.conformal import Band, Floats
from robustness.degradation.distance import Evidence, features
from robustness.errors import CorruptFileError, InputError, MismatchError
from robustness.index import ObservedIndex
from robustness.types import Provenance, RepresentationSpec, TaskSource

SCHEMA = 1
FILE = "calibration.json"
MINIMUM = 10
"""Measured instructions below which nothing is fitted."""
_FOLDS = 10
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured unobserved instruction on one task."""

    instruction_id: str
    text: str
    task: str
    degradation: float
    """Points."""
    evidence: Mapping[TaskSource, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How good the predictor was on instructions whose cluster it had not seen; in points."""

    n: int
    clusters: int
    mae: float
    mae_constant: float
    """Of predicting the mean degradation."""
    mae_distance: float
    """Of isotonic regression on the distance alone."""
    spearman: float | None
    """Between predicted and measured; None where undefined."""
    coverage: float
    """Share in [0, 1] of measured degradations inside their interval."""
    width: float
    """Of the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A linear regression on `distance.features`, with its band and its range."""

    weights: tuple[float, ...]
    intercept: float
    low: float
    high: float
    largest_relative: float
    """Largest relative distance that was calibrated."""
    skill: Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns evidence into a prediction, for one index."""

    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: Mapping[TaskSource, Line]
    points: tuple[Point, ...]
    made: Provenance

    def estimate(self, source: TaskSource, evidence: Evidence) -> "Estimated":
        """A number with its interval, or none where the evidence is out of range."""
        line = self.lines.get(source)
        if line is None or not evidence.usable or evidence.relative > line.largest_relative:
            return Estimated(degradation=None, low=None, high=None, in_support=False)
        value = float(features([evidence])[0] @ np.array(line.weights)) + line.intercept
        clipped = np.clip(
            [value, value + line.low, value + line.high], -conformal.LIMIT, conformal.LIMIT
        )
        return Estimated(
            degradation=float(clipped[0]), low=float(clipped[1]), high=float(clipped[2]),
            in_support=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """Predicted degradation in points, or an abstention."""

    degradation: float | None
    low: float | None
    high: float | None
    in_support: bool


def _ridge(x: Floats, y: Floats) -> Any:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS)).fit(x, y)


def _isotonic(x: Floats, y: Floats) -> Any:
    return IsotonicRegression(out_of_bounds="clip").fit(x[:, 0], y)


def _fit_line(points: Sequence[Point], source: TaskSource, coverage: float, seed: int) -> Line:
    rows = [p.evidence[source] for p in points]
    x, y = features(rows), np.array([p.degradation for p in points])
    groups = conformal.clusters([p.text for p in points])
    held_out = conformal.folds(groups, _FOLDS, np.random.default_rng(seed))
    predicted = conformal.cross_fit(x, y, held_out, lambda a, b: _ridge(a, b).predict)
    constant = conformal.cross_fit(x, y, held_out, lambda _, b: lambda c: np.full(len(c), b.mean()))
    alone = conformal.cross_fit(
        x, y, held_out, lambda a, b: lambda c: _isotonic(a, b).predict(c[:, 0])
    )
    residuals = y - predicted
    limits: Band = conformal.band(residuals, coverage)
    scaler, ridge = _ridge(x, y).named_steps.values()
    weights = ridge.coef_ / scaler.scale_
    varies = np.ptp(predicted) > 0 and np.ptp(y) > 0
    return Line(
        weights=tuple(float(w) for w in weights),
        intercept=float(ridge.intercept_ - weights @ scaler.mean_),
        low=limits.low,
        high=limits.high,
        largest_relative=max(r.relative for r in rows),
        skill=Skill(
            n=len(points),
            clusters=len(np.unique(groups)),
            mae=float(np.abs(residuals).mean()),
            mae_constant=float(np.abs(y - constant).mean()),
            mae_distance=float(np.abs(y - alone).mean()),
            spearman=float(spearmanr(predicted, y).statistic) if varies else None,
            coverage=conformal.covered(residuals, held_out, coverage),
            width=limits.high - limits.low,
        ),
    )


def fit(
    index: ObservedIndex, points: Sequence[Point], *, coverage: float = 0.9, seed: int = 0
) -> Calibration:
    """Fits one line for each source of the task.

    Args:
        index: That the evidence was gathered from.
        points: Measured unobserved instructions.
        coverage: Nominal, of the intervals.
        seed: Of the assignment of clusters to folds.

    Raises:
        InputError: Too few points, or too few clusters of them.
    """
    lines = {}
    for source in TaskSource:
        usable = [p for p in points if source in p.evidence and p.evidence[source].usable]
        if len(usable) < MINIMUM:
            raise InputError(
                f"calibration needs at least {MINIMUM} measured unobserved instructions with a "
                f"distance (task {source}), found {len(usable)}"
            )
        lines[source] = _fit_line(usable, source, coverage, seed)
    return Calibration(
        spec=index.spec, index_digest=index.digest, coverage=coverage, lines=lines,
        points=tuple(points), made=provenance.collect(schema=SCHEMA, seed=seed),
    )


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes `calibration.json` beside the index's manifest."""
    path = folder / FILE
    storage.write_json(path, {"schema": SCHEMA} | storage.plain(calibration))
    return path


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: int = Field(alias="schema")
    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: dict[TaskSource, Line]
    points: tuple[Point, ...]
    made: Provenance


def load(folder: Path, index: ObservedIndex) -> Calibration | None:
    """Reads the calibration of an index; None where it was never calibrated.

    Raises:
        MismatchError: It belongs to another index.
        CorruptFileError: It cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        row = _Document.model_validate(storage.read_json(path, schema=SCHEMA))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CorruptFileError(f"{path}: {key}: {first['msg']}") from error
    if row.index_digest != index.digest or row.spec != index.spec:
        raise MismatchError(
            f"{path} was measured with another index than the one beside it; calibrate again "
            "with: python -m robustness calibrate"
        )
    return Calibration(
        spec=row.spec, index_digest=row.index_digest, coverage=row.coverage, lines=row.lines,
        points=row.points, made=row.made,
    )
