"""Tiers 1 and 2 for a black-box model: refine an accuracy by answers or by a few labelled inputs.

The estimate of the tier below comes in, together with its leave-cluster-out estimates for the
measured instructions (each computed without the instruction's cluster of near-duplicates). Tier 1
adds the agreement of answers, tier 2 the accuracy on labelled inputs by empirical Bayes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness.errors import InputError
from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.conformal import Floats
from robustness.prediction.degradation.folds import splits

MINIMUM = 10
"""Least number of measured instructions with answers."""
NEIGHBOURS = 5
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
_DRAWS = 5
_GRID = np.linspace(0.0, 100.0, 401)
_BANDWIDTH = 3.0
"""Standard deviation in points of the kernel that smooths the errors of the tier below."""
_ANYTHING = 0.05
"""Share of a uniform distribution in the prior, for errors unlike any so far."""
Answers = tuple[str, ...]
"""Answers to the same unlabelled inputs, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refined:
    """An estimated accuracy in points after more evidence, with its interval."""

    value: float
    low: float
    high: float
    left_out: Floats
    """(N,) estimates for the measured instructions, each without its cluster."""
    rows: npt.NDArray[np.intp]
    """(N,) indices of these instructions among all measured ones."""
    error: float
    """Mean absolute error of `left_out`, in points."""


def _agreement(own: Answers, others: Sequence[Answers]) -> float:
    """Share of inputs with an answer that no other answer outvotes among the others."""
    hits = 0
    for given, theirs in zip(own, zip(*others, strict=True), strict=True):
        votes = {a: theirs.count(a) for a in theirs}
        hits += votes.get(given, 0) == max(votes.values())
    return hits / len(own)


def _nearest(distances: Floats, rows: Sequence[int]) -> list[int]:
    return sorted(rows, key=lambda row: (distances[row], row))[:NEIGHBOURS]


def with_answers(
    estimate: float,
    answers: Answers,
    distances: Floats,
    *,
    accuracies: Floats,
    left_out: Floats,
    known: Sequence[Answers | None],
    between: Floats,
    groups: npt.NDArray[np.int64],
    coverage: float,
) -> Refined:
    """Tier 1: refines an estimate by the agreement with answers under similar instructions.

    A ridge regression predicts accuracy from two features: the estimate of the tier below, and the
    share of inputs answered as the majority of the nearest measured instructions does. The interval
    is cross-conformal, see `conformal`.

    Args:
        estimate: Estimated accuracy of the new instruction from its text, in points.
        answers: The U answers under the new instruction.
        distances: (N,) distances of its text to the measured instructions.
        accuracies: (N,) measured accuracies, in points.
        left_out: (N,) estimates from texts, each without its cluster.
        known: Answers under the measured instructions to the same inputs; None where unknown.
        between: (N, N) distances between the texts of the measured instructions.
        groups: (N,) clusters of near-duplicates.
        coverage: Nominal coverage of the interval.

    Raises:
        InputError: Too few measured instructions have answers to as many inputs.
    """
    rows = [n for n, a in enumerate(known) if a is not None and len(a) == len(answers)]
    given = [known[n] or () for n in rows]
    if len(rows) < MINIMUM or len(np.unique(groups[rows])) < 2:
        raise InputError(
            f"agreement needs the answers to the same {len(answers)} inputs under at least "
            f"{MINIMUM} measured instructions of two clusters, found {len(rows)}"
        )
    by_row = dict(zip(rows, given, strict=True))
    agreement = []
    for row in rows:
        others = [n for n in rows if groups[n] != groups[row]]
        near = _nearest(between[row], others)
        agreement.append(_agreement(by_row[row], [by_row[n] for n in near]))
    x, y = np.column_stack([left_out[rows], agreement]), accuracies[rows]

    regression = make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))
    held_out = splits(groups[rows], 10, seed=0)
    predicted: Floats = cross_val_predict(regression, x, y, cv=held_out)
    band = conformal.band(y - predicted, coverage)
    near = _nearest(distances, rows)
    own = np.array([[estimate, _agreement(answers, [by_row[n] for n in near])]])
    value = float(regression.fit(x, y).predict(own)[0])
    return _refined(value, band, predicted, np.array(rows), y)


def with_labels(
    estimate: float,
    right: int,
    asked: int,
    *,
    accuracies: Floats,
    left_out: Floats,
    rows: npt.NDArray[np.intp],
    coverage: float,
    seed: int = 0,
) -> Refined:
    """Tier 2: accuracy on a few labelled inputs, shrunk towards the tier below (empirical Bayes).

    The prior is the estimate of the tier below plus the errors that it made on the measured
    instructions (a kernel density), mixed with a small uniform part. The likelihood of `right` out
    of `asked` is binomial. The posterior's mean is the value, its quantiles the interval.

    Args:
        estimate: Estimate of the tier below, in points.
        right: Number of labelled inputs with a right answer.
        asked: Number of labelled inputs.
        accuracies: (N,) measured accuracies, in points.
        left_out: (N,) estimates of the tier below, each without its cluster.
        rows: (N,) indices of these instructions among all measured ones.
        coverage: Nominal coverage of the interval.
        seed: Seed of the simulated labelled inputs from which `error` is computed.

    Raises:
        InputError: `asked` is 0, or `right` is not between 0 and `asked`.
    """
    if asked < 1 or not 0 <= right <= asked:
        raise InputError(f"{right} of {asked} labelled inputs is no share: give e.g. 13 of 16")
    errors = accuracies - left_out
    tail = (1.0 - coverage) / 2.0
    value, low, high = _posterior(estimate, errors, right, asked, tail)
    share = np.clip(accuracies / 100.0, 0.0, 1.0)
    drawn = np.random.default_rng(seed).binomial(asked, share, (_DRAWS, len(share)))
    said = np.array(
        [
            [
                _posterior(at, np.delete(errors, n), int(k), asked, tail)[0]
                for n, (at, k) in enumerate(zip(left_out, row, strict=True))
            ]
            for row in drawn
        ]
    )
    return Refined(
        value=value, low=low, high=high, left_out=said.mean(0), rows=rows,
        error=float(np.abs(accuracies - said).mean()),
    )


def _posterior(
    estimate: float, errors: Floats, right: int, asked: int, tail: float
) -> tuple[float, float, float]:
    """Posterior mean and its quantiles at `tail` and 1 - `tail`, in points, on a grid."""
    centres = np.clip(estimate + errors, 0.0, 100.0)
    prior = np.exp(-0.5 * ((_GRID[:, None] - centres) / _BANDWIDTH) ** 2).mean(1)
    prior = (1.0 - _ANYTHING) * prior / prior.sum() + _ANYTHING / len(_GRID)
    chance = np.clip(_GRID / 100.0, 1e-9, 1.0 - 1e-9)
    weight = np.log(prior) + right * np.log(chance) + (asked - right) * np.log1p(-chance)
    weight = np.exp(weight - weight.max())
    mass = weight.cumsum() / weight.sum()
    return (
        float(_GRID @ weight / weight.sum()), float(_GRID[np.searchsorted(mass, tail)]),
        float(_GRID[np.searchsorted(mass, 1.0 - tail)]),
    )


def _refined(
    value: float,
    band: conformal.Band,
    left_out: Floats,
    rows: npt.NDArray[np.intp],
    accuracies: Floats,
) -> Refined:
    value, low, high = np.clip([value, value + band.low, value + band.high], 0.0, 100.0)
    return Refined(
        value=float(value), low=float(low), high=float(high), left_out=left_out, rows=rows,
        error=float(np.abs(accuracies - left_out).mean()),
    )
