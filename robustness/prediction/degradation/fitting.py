"""Fits the predictor to a calibration set of measured unobserved instructions.

Separately for each source of the task, tier 0 and tier 1 are ridge regressions and tier 2 is a
shrinkage weight, see `predictor`. Each tier's interval comes from its cross-fitted residuals, see
`conformal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness.errors import InputError
from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.conformal import Band, Floats
from robustness.prediction.degradation.distance import Evidence, features
from robustness.prediction.degradation.folds import splits
from robustness.prediction.degradation.predictor import (
    Calibration,
    Line,
    Point,
    Shrinkage,
    clues_of,
    point_probe,
)
from robustness.prediction.degradation.saved_calibration import SCHEMA
from robustness.prediction.degradation.skill import Skill
from robustness.prediction.degradation.skill_measurement import measure_skill
from robustness.stats import near_duplicates
from robustness.storage import provenance
from robustness.types import TaskSource

MINIMUM = 10
"""Least number of measured instructions."""
_FOLDS = 10
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


def _ridge() -> Any:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """The calibration set with the folds that all tiers share."""

    tasks: tuple[str, ...]
    y: Floats
    distances: Floats
    """(N, F) features of tier 0."""
    groups: npt.NDArray[np.int64]
    held_out: list[conformal.Split]

    def cross_fit(self, regression: Any, x: Floats) -> Floats:
        """(N,) predictions, each by a regression that was not fitted to the row's cluster."""
        predicted: Floats = cross_val_predict(regression, x, self.y, cv=self.held_out)
        return predicted


def _split(points: Sequence[Point], clues: Sequence[Evidence], seed: int) -> _Split:
    groups = near_duplicates.clusters([p.text for p in points])
    return _Split(
        tasks=tuple(p.task for p in points),
        y=np.array([p.degradation for p in points]),
        distances=features(clues),
        groups=groups,
        held_out=splits(groups, _FOLDS, seed),
    )


def _skill(split: _Split, predicted: Floats, limits: Band, coverage: float, seed: int) -> Skill:
    constant = split.cross_fit(DummyRegressor(), split.distances)
    alone = split.cross_fit(IsotonicRegression(out_of_bounds="clip"), split.distances[:, :1])
    residuals = split.y - predicted
    inside = conformal.covered(residuals, split.held_out, coverage)
    return measure_skill(
        tasks=split.tasks, measured=split.y, predicted=predicted, constant=constant,
        distance=alone, inside=inside, width=limits.high - limits.low,
        clusters=len(np.unique(split.groups)), seed=seed,
    )


def _pairs(split: _Split, predicted: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(p), float(y)) for p, y in zip(predicted, split.y, strict=True))


def _fit_line(split: _Split, x: Floats, coverage: float, seed: int) -> tuple[Line, Floats]:
    """Fits the regression on x (N, F); returns it with its cross-fitted predictions (N,)."""
    predicted = split.cross_fit(_ridge(), x)
    limits: Band = conformal.band(split.y - predicted, coverage)
    scaler, ridge = _ridge().fit(x, split.y).named_steps.values()
    # The regression is on standardised features; the weights are converted to the raw ones.
    weights = ridge.coef_ / scaler.scale_
    made = Line(
        weights=tuple(float(w) for w in weights),
        intercept=float(ridge.intercept_ - weights @ scaler.mean_),
        low=limits.low,
        high=limits.high,
        largest_relative=float(np.expm1(split.distances[:, 0].max())),
        skill=_skill(split, predicted, limits, coverage, seed),
        pairs=_pairs(split, predicted),
    )
    return made, predicted


def _shrinkage(
    split: _Split, start: Floats, losses: Floats, coverage: float, seed: int
) -> Shrinkage:
    """Fits the weight w of tier 2: prediction = tier 1 + w (loss on labelled inputs - tier 1).

    w minimises the squared error on the calibration set: with step s = loss - tier 1 and error
    e = y - tier 1, w = s.e / s.s, cut to [0, 1]. A noisy loss (few labelled inputs) gets a small
    weight, as in empirical Bayes. Residuals for the interval use a w fitted to the other folds.
    """
    step, missed = losses - start, split.y - start

    def weight(rows: npt.NDArray[np.intp]) -> float:
        total = float(step[rows] @ step[rows])
        found = float(step[rows] @ missed[rows]) / total if total > 0 else 0.0
        return float(np.clip(found, 0.0, 1.0))

    predicted = start.copy()
    for others, rows in split.held_out:
        predicted[rows] += weight(others) * step[rows]
    limits = conformal.band(split.y - predicted, coverage)
    return Shrinkage(
        weight=weight(np.arange(len(split.y))),
        low=limits.low,
        high=limits.high,
        skill=_skill(split, predicted, limits, coverage, seed),
        pairs=_pairs(split, predicted),
    )


def _tiers(
    points: Sequence[Point], source: TaskSource, coverage: float, seed: int
) -> tuple[dict[int, Line], dict[int, Shrinkage]]:
    """Fits tiers 1 and 2 for every number of inputs for which all points have answers."""
    seen = [point_probe(p, source) for p in points]
    common = set.intersection(*(set(p.features) for p in seen))
    with_labels = set.intersection(*(set(p.losses) for p in seen))
    probed, labelled = {}, {}
    for k in sorted(common):
        split = _split(points, [clues_of(p, source, k) for p in points], seed)
        x = np.hstack([split.distances, np.array([p.features[k] for p in seen])])
        probed[k], predicted = _fit_line(split, x, coverage, seed)
        if k in with_labels:
            losses = np.array([p.losses[k] for p in seen])
            labelled[k] = _shrinkage(split, predicted, losses, coverage, seed)
    return probed, labelled


def fit(
    index: ObservedIndex, points: Sequence[Point], *, coverage: float = 0.9, seed: int = 0
) -> Calibration:
    """Fits all tiers for each source of the task (tier 0 only, where the task is inferred).

    Args:
        index: The index that the evidence comes from.
        points: The calibration set.
        coverage: Nominal coverage of the intervals.
        seed: Seed of the assignment of clusters to folds.

    Raises:
        InputError: There are too few points, or too few clusters of near-duplicates.
    """
    lines: dict[TaskSource, Line] = {}
    probed: dict[TaskSource, dict[int, Line]] = {}
    labelled: dict[TaskSource, dict[int, Shrinkage]] = {}
    for source in TaskSource:
        usable = [p for p in points if source in p.evidence and p.evidence[source].usable]
        if len(usable) < MINIMUM:
            raise InputError(
                f"calibration needs at least {MINIMUM} measured unobserved instructions with a "
                f"distance (task {source}), found {len(usable)}"
            )
        split = _split(usable, [p.evidence[source] for p in usable], seed)
        lines[source], _ = _fit_line(split, split.distances, coverage, seed)
        if source is not TaskSource.INFERRED:
            probed[source], labelled[source] = _tiers(usable, source, coverage, seed)
    return Calibration(
        spec=index.spec, index_digest=index.digest, coverage=coverage, lines=lines, probed=probed,
        labelled=labelled, points=tuple(points), made=provenance.collect(schema=SCHEMA, seed=seed),
    )
