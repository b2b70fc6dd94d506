"""Fits the predictor to a calibration set of measured unobserved instructions.

Separately for each source of the task, tier 0 and tier 1 are ridge regressions and tier 2 is a
shrinkage weight, see `predictor` and `tier_fitting`; where the task is given, the stopping rule is
calibrated as well. All that is said of a tier's skill comes from nested cross-fitting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.isotonic import IsotonicRegression

from robustness.errors import InputError
from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation import stopping_fitting, tier_fitting
from robustness.prediction.degradation.conformal import Floats
from robustness.prediction.degradation.distance import Evidence, features
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
from robustness.prediction.degradation.stopping import WIDE, WORTH, Stopping
from robustness.prediction.degradation.tier_fitting import Judged, Rows
from robustness.stats import near_duplicates
from robustness.storage import provenance
from robustness.types import TaskSource

MINIMUM = 10
"""Least number of measured instructions."""
VOTES = 10
"""The first feature of `probes._votes` in a row of tier 1. Where the task is given, those before
it (the distance, the comparison with the nearest instructions alone) are left out: 18 features are
many for so few instructions."""


def _rows(points: Sequence[Point], clues: Sequence[Evidence], source: TaskSource) -> Rows:
    """The calibration set with the features of tier 0."""
    # Only where the task is given is the accuracy of its observed instructions known.
    known = [p.usual for p in points if p.usual is not None]
    bounds = source is TaskSource.GIVEN and len(known) == len(points)
    return Rows(
        tasks=np.array([p.task for p in points]),
        y=np.array([p.degradation for p in points]),
        usual=np.array(known) if bounds else None,
        task_known=source is TaskSource.GIVEN,
        x=features(clues),
        groups=near_duplicates.clusters([p.text for p in points]),
    )


def _skill(rows: Rows, distance: Floats, found: Judged, seed: int) -> Skill:
    """The skill of a tier; distance is (N, 1), what the isotonic baseline takes."""
    held_out = rows.folds(seed)
    constant = rows.cross_fit(DummyRegressor(), held_out)
    alone = replace(rows, x=distance).cross_fit(
        IsotonicRegression(out_of_bounds="clip"), held_out
    )
    return measure_skill(
        tasks=rows.tasks.tolist(), measured=rows.y, predicted=found.predicted, constant=constant,
        distance=alone, inside=found.inside(rows.y), width=found.width,
        clusters=len(np.unique(rows.groups)), seed=seed,
    )


def _pairs(rows: Rows, found: Judged) -> tuple[tuple[float, float], ...]:
    return tuple((float(p), float(y)) for p, y in zip(found.predicted, rows.y, strict=True))


def _line(rows: Rows, clues: Sequence[Evidence], first: int, coverage: float, seed: int) -> Line:
    """Tier 0 or 1.

    Args:
        rows: The calibration set with all features.
        clues: The evidence of the distance.
        first: The first feature that is used; those before it have the weight 0.
        coverage: Nominal coverage of the interval.
        seed: Seed of the folds.
    """
    used, distance = replace(rows, x=rows.x[:, first:]), features(clues)[:, :1]
    made = tier_fitting.fit(used, coverage, seed)
    found = tier_fitting.judged(used, coverage, seed)
    scaler, ridge = made.regression.named_steps.values()
    # The regression is on standardised features; the weights are converted to the raw ones.
    weights = ridge.coef_ / scaler.scale_
    return Line(
        weights=(*(0.0,) * first, *(float(w) for w in weights)),
        intercept=float(ridge.intercept_ - weights @ scaler.mean_),
        low=made.limits.low, high=made.limits.high, by_task=made.by_task,
        largest_relative=float(np.expm1(distance.max())),
        skill=_skill(rows, distance, found, seed), pairs=_pairs(rows, found),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Probed:
    """The calibration set of tier 1 on so many inputs."""

    clues: list[Evidence]
    rows: Rows
    first: int
    losses: Floats | None
    """(N,) degradation on as many labelled inputs, in points; None where not all points have it."""

    @property
    def used(self) -> Rows:
        """The rows with the features that are used."""
        return replace(self.rows, x=self.rows.x[:, self.first :])


def _probed(points: Sequence[Point], source: TaskSource) -> dict[int, _Probed]:
    """Number of inputs -> calibration set, for every number for which all points have answers."""
    seen = [point_probe(p, source) for p in points]
    common = set.intersection(*(set(p.features) for p in seen))
    labels = set.intersection(*(set(p.losses) for p in seen))
    made = {}
    for k in sorted(common):
        clues = [clues_of(p, source, k) for p in points]
        rows = _rows(points, clues, source)
        answers = np.array([p.features[k] for p in seen])
        made[k] = _Probed(
            clues=clues, rows=replace(rows, x=np.hstack([rows.x, answers])),
            first=VOTES if source is TaskSource.GIVEN else 0,
            losses=np.array([p.losses[k] for p in seen]) if k in labels else None,
        )
    return made


def _shrinkage(of: _Probed, coverage: float, seed: int) -> Shrinkage:
    """Tier 2."""
    rows = replace(of.used, losses=of.losses)
    made = tier_fitting.fit(rows, coverage, seed)
    found = tier_fitting.judged(rows, coverage, seed)
    return Shrinkage(
        weight=made.weight or 0.0, low=made.limits.low, high=made.limits.high,
        by_task=made.by_task, skill=_skill(rows, features(of.clues)[:, :1], found, seed),
        pairs=_pairs(rows, found),
    )


def _stopping(tiers: Mapping[int, _Probed], coverage: float, seed: int) -> Stopping | None:
    """The stopping rule; None where there is one number of inputs, and nothing to decide."""
    if len(tiers) < 2:
        return None
    found = stopping_fitting.fit({k: t.used for k, t in tiers.items()}, coverage, seed)
    least = tiers[min(tiers)]
    return Stopping(
        wide=WIDE, worth=WORTH, factor=found.factor, prompts=found.prompts,
        skill=_skill(least.rows, features(least.clues)[:, :1], found.judged, seed),
    )


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
    stopping = None
    probed: dict[TaskSource, dict[int, Line]] = {}
    labelled: dict[TaskSource, dict[int, Shrinkage]] = {}
    for source in TaskSource:
        usable = [p for p in points if source in p.evidence and p.evidence[source].usable]
        if len(usable) < MINIMUM:
            raise InputError(
                f"calibration needs at least {MINIMUM} measured unobserved instructions with a "
                f"distance (task {source}), found {len(usable)}"
            )
        clues = [p.evidence[source] for p in usable]
        lines[source] = _line(_rows(usable, clues, source), clues, 0, coverage, seed)
        if source is TaskSource.INFERRED:
            continue
        tiers = _probed(usable, source)
        probed[source] = {
            k: _line(t.rows, t.clues, t.first, coverage, seed) for k, t in tiers.items()
        }
        labelled[source] = {
            k: _shrinkage(t, coverage, seed) for k, t in tiers.items() if t.losses is not None
        }
        if source is TaskSource.GIVEN:
            stopping = _stopping(tiers, coverage, seed)
    return Calibration(
        spec=index.spec, index_digest=index.digest, coverage=coverage, lines=lines, probed=probed,
        labelled=labelled, points=tuple(points), stopping=stopping,
        made=provenance.collect(schema=SCHEMA, seed=seed),
    )
