"""Calibrates the stopping rule of `stopping` as it is used.

1. The tiers are fitted, and the rule is applied to the cross-fitted prediction of every
measured instruction: it stops at one of the tiers.
2. There, how far the measured degradation lies from the prediction, in units of the tier's
bound on that side, is the score: above 1 is outside the interval.
3. The conformal quantile of these scores, a cluster counting as one, is the factor that the
bands are multiplied by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robustness.prediction.degradation import conformal, stopping, tier_fitting
from robustness.prediction.degradation.conformal import Floats
from robustness.prediction.degradation.tier_fitting import Fitted, Ints, Judged, Rows

_MOST = 10.0
"""Largest factor, where there are too few clusters for a quantile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """The factor of the rule, with what nested cross-fitting says of its intervals."""

    factor: float
    judged: Judged
    prompts: float


def fit(tiers: Mapping[int, Rows], coverage: float, seed: int) -> Calibrated:
    """Calibrates the rule.

    Args:
        tiers: Number of inputs -> the same instructions with the features of so many.
        coverage: Nominal coverage.
        seed: Seed of the folds.
    """
    first = next(iter(tiers.values()))
    read = np.empty(len(first.y))

    def made(of: Ints) -> tuple[dict[int, Fitted], float]:
        rows = {k: r.at(of) for k, r in tiers.items()}
        fitted = {k: tier_fitting.fit(r, coverage, seed) for k, r in rows.items()}
        said = {k: f.left_out for k, f in fitted.items()}
        stops = _stops(fitted, rows, said)
        return fitted, _factor(fitted, rows, said, stops, coverage)

    def predicted(others: Ints, left: Ints) -> tuple[Floats, Floats]:
        fitted, factor = made(others)
        rows = {k: r.at(left) for k, r in tiers.items()}
        said = {k: f.predict(rows[k]) for k, f in fitted.items()}
        stops = _stops(fitted, rows, said)
        read[left] = stops
        bounds = {k: f.bounds(rows[k], said[k], factor) for k, f in fitted.items()}
        return _at(stops, said), np.stack([
            _at(stops, {k: b[side] for k, b in bounds.items()}) for side in (0, 1)
        ])

    judged = tier_fitting.judge(first.folds(seed), predicted)
    _, factor = made(np.arange(len(first.y)))
    return Calibrated(factor=factor, judged=judged, prompts=float(read.mean()))


def _at(stops: Ints, values: Mapping[int, Floats]) -> Floats:
    """(N,) each row's value at the tier where the rule stops."""
    return np.array([values[int(k)][n] for n, k in enumerate(stops)])


def _stops(
    fitted: Mapping[int, Fitted], rows: Mapping[int, Rows], said: Mapping[int, Floats]
) -> Ints:
    """(N,) number of inputs at which the rule stops."""
    steps = sorted(fitted)
    stops = np.full(len(said[steps[0]]), steps[0])
    for k, more in pairwise(steps):
        now, then = (
            np.subtract(*fitted[tier].bounds(rows[k], said[k])[::-1]) for tier in (k, more)
        )
        stops[(stops == k) & stopping.goes_on(now, then, more - k)] = more
    return stops


def _factor(
    fitted: Mapping[int, Fitted], rows: Mapping[int, Rows], said: Mapping[int, Floats],
    stops: Ints, coverage: float,
) -> float:
    """The conformal quantile of the scores; bands are never made narrower than a tier's own."""
    first = rows[min(rows)]
    scores = {}
    for k, value in said.items():
        low, high = fitted[k].limit(rows[k])
        missed = first.y - value
        scores[k] = np.maximum(missed / np.maximum(high, 1.0), missed / np.minimum(low, -1.0))
    # One side alone is asked for, so the error is not halved.
    found = conformal.upper(_at(stops, scores), 1.0 - coverage, first.groups)
    return float(np.clip(found, 1.0, _MOST))
