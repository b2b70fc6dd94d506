"""Fits one tier of evidence to measured instructions, and judges what was fitted.

Nothing is chosen by the width of the intervals: of two bands the narrower one is narrow partly by
chance, and holds less often on new instructions. A tier is judged by nested cross-fitting
(`judge`): each fold of clusters is predicted by a tier whose weights and band come from the other
folds alone, so that neither has seen a near-duplicate of what it is judged on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.conformal import Band, Floats, Split
from robustness.prediction.degradation.folds import splits

Ints = npt.NDArray[np.intp]
_FOLDS = 10
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
OWN_BAND = 40
"""Least number of a task's clusters for a band of its own: of 40, the second largest residual on
each side is the bound."""
POOLED = 2
"""How many measured instructions the mean over all tasks counts as in a task's scale."""
_LEAST_SCALE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Measured instructions with what a tier knows of them."""

    tasks: npt.NDArray[np.str_]
    """(N,) ids of their tasks."""
    y: Floats
    """(N,) measured degradation in points."""
    usual: Floats | None
    """(N,) accuracy of the task's observed instructions in points; None: not to be used."""
    x: Floats
    """(N, F) features."""
    groups: npt.NDArray[np.int64]
    """(N,) clusters of near-duplicates."""
    task_known: bool = True
    """Whether the task is given with a new instruction, so that it can have a band of its own."""
    losses: Floats | None = None
    """(N,) degradation on labelled inputs in points; None: there are no labels."""

    def at(self, rows: Ints) -> "Rows":
        """Some of the rows."""
        return Rows(
            tasks=self.tasks[rows], y=self.y[rows], x=self.x[rows], groups=self.groups[rows],
            usual=None if self.usual is None else self.usual[rows],
            task_known=self.task_known,
            losses=None if self.losses is None else self.losses[rows],
        )

    def folds(self, seed: int) -> list[Split]:
        """Folds of whole clusters; none where there is only one cluster."""
        if len(np.unique(self.groups)) < 2:
            return []
        return splits(self.groups, _FOLDS, seed)

    def cross_fit(self, regression: Any, held_out: Sequence[Split]) -> Floats:
        """(N,) predictions, each by a regression that was not fitted to the row's cluster."""
        if not held_out:
            return np.zeros(len(self.y))
        made: Floats = cross_val_predict(regression, self.x, self.y, cv=held_out)
        return conformal.bounded(made, self.usual)


def ridge() -> Any:
    """A ridge regression on standardised features, its strength by leave-one-out error."""
    return make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A fitted tier."""

    regression: Any
    weight: float | None
    """Weight of the loss on labelled inputs; None: there are no labels."""
    limits: Band
    by_task: Mapping[str, Band]
    """The bands of tasks; `limits` are for others."""
    left_out: Floats
    """(N,) cross-fitted predictions of the rows that it was fitted to."""

    def predict(self, rows: Rows) -> Floats:
        """(N,) predictions for other rows."""
        made = conformal.bounded(self.regression.predict(rows.x), rows.usual)
        if self.weight is None or rows.losses is None:
            return made
        return conformal.bounded(made + self.weight * (rows.losses - made), rows.usual)

    def bounds(self, rows: Rows, predicted: Floats, factor: float = 1.0) -> Floats:
        """(2, N) lower and upper bounds, with the band stretched by a factor."""
        return conformal.bounded(predicted + factor * self.limit(rows), rows.usual)

    def limit(self, rows: Rows) -> Floats:
        """(2, N) the band of each row, relative to its prediction."""
        found = [self.by_task.get(str(t), self.limits) for t in rows.tasks]
        return np.array([[b.low for b in found], [b.high for b in found]])


def fit(rows: Rows, coverage: float, seed: int) -> Fitted:
    """Fits a tier.

    Args:
        rows: The measured instructions.
        coverage: Nominal coverage of the interval.
        seed: Seed of the folds.
    """
    held_out = rows.folds(seed)
    left_out, weight = rows.cross_fit(ridge(), held_out), None
    if rows.losses is not None:
        left_out, weight = _shrunk(rows, left_out, rows.losses, held_out)
    residuals = rows.y - left_out
    limits = conformal.band(residuals, coverage, rows.groups)
    return Fitted(
        regression=ridge().fit(rows.x, rows.y), weight=weight, limits=limits,
        by_task=_by_task(rows, residuals, limits, coverage), left_out=left_out,
    )


def _by_task(
    rows: Rows, residuals: Floats, limits: Band, coverage: float
) -> Mapping[str, Band]:
    """The bands of tasks: of its own from `OWN_BAND` clusters on, else one at the task's scale.

    The scale is the root mean square of the task's residuals, with those of all tasks counted as
    `POOLED` more; the residuals over their scales have one band (locally weighted conformal
    prediction, Lei et al. 2018). Empty where a new instruction's task is not known, or where there
    are too few clusters for any band.
    """
    if not rows.task_known or max(-limits.low, limits.high) >= conformal.LIMIT:
        return {}
    squares = residuals**2
    known, of = np.unique(rows.tasks, return_inverse=True)
    counts = np.bincount(of)
    scales = np.sqrt(
        (np.bincount(of, squares) + POOLED * squares.mean()) / (counts + POOLED)
    ).clip(_LEAST_SCALE)
    shared = conformal.band(residuals / scales[of], coverage, rows.groups)
    made = {}
    for n, task in enumerate(known):
        mine = of == n
        if len(np.unique(rows.groups[mine])) >= OWN_BAND:
            made[str(task)] = conformal.band(residuals[mine], coverage, rows.groups[mine])
        else:
            made[str(task)] = Band(low=shared.low * scales[n], high=shared.high * scales[n])
    return made


def _shrunk(
    rows: Rows, start: Floats, losses: Floats, held_out: Sequence[Split]
) -> tuple[Floats, float]:
    """Fits the weight w of tier 2: prediction = tier 1 + w (loss on labelled inputs - tier 1).

    w minimises the squared error on the calibration set: with step s = loss - tier 1 and error
    e = y - tier 1, w = s.e / s.s, cut to [0, 1]. A noisy loss (few labelled inputs) gets a small
    weight, as in empirical Bayes.

    Returns:
        Predictions (N,), each with a w that was fitted to the other folds, and w.
    """
    step, missed = losses - start, rows.y - start

    def weight(of: Ints) -> float:
        total = float(step[of] @ step[of])
        return float(np.clip(step[of] @ missed[of] / total, 0.0, 1.0)) if total > 0 else 0.0

    predicted = start.copy()
    for others, left in held_out:
        predicted[left] += weight(others) * step[left]
    return conformal.bounded(predicted, rows.usual), weight(np.arange(len(rows.y)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What was predicted of each row without its fold."""

    predicted: Floats
    """(N,) in points."""
    bounds: Floats
    """(2, N) the interval."""

    def inside(self, y: Floats) -> npt.NDArray[np.bool_]:
        """(N,) whether a measured degradation lies in its interval."""
        return conformal.inside(y, *self.bounds)

    @property
    def width(self) -> float:
        """Mean width of the intervals."""
        return float((self.bounds[1] - self.bounds[0]).mean())


def judge(
    held_out: Sequence[Split], make: Callable[[Ints, Ints], tuple[Floats, Floats]]
) -> Judged:
    """Nested cross-fitting: predicts each fold by what is made of the other folds.

    Args:
        held_out: Folds of the rows, at least two.
        make: (rows to fit to, rows held out) -> predictions (N,) and bounds (2, N) of the latter.
    """
    count = sum(len(left) for _, left in held_out)
    predicted, bounds = np.empty(count), np.empty((2, count))
    for others, left in held_out:
        predicted[left], bounds[:, left] = make(others, left)
    return Judged(predicted=predicted, bounds=bounds)


def judged(rows: Rows, coverage: float, seed: int) -> Judged:
    """Judges a tier, see `fit` for the arguments."""

    def make(others: Ints, left: Ints) -> tuple[Floats, Floats]:
        tier, held = fit(rows.at(others), coverage, seed), rows.at(left)
        predicted = tier.predict(held)
        return predicted, tier.bounds(held, predicted)

    return judge(splits(rows.groups, _FOLDS, seed), make)
