"""Confidence intervals: Wilson, paired bootstrap.

Everything takes tables of correct answers (or scores in [0, 1]) with instructions as rows and
inputs as columns.

The bootstrap resamples both rows and columns, since a result should hold for other instructions
and other inputs than those measured. Drawing I rows with replacement from I is the same as giving
row i the weight w_i = (times drawn) / I, where the counts are multinomial; likewise v_j for the
columns. The mean of a resampled table D is then w D v, so that all draws are one einsum and no
table is copied. The interval runs between the quantiles of these means (percentile bootstrap).
Conditions that are measured on the same cells are subtracted first and resampled together (paired):
what makes a row or column easy for both cancels out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from robustness.errors import InputError

BoolArray = npt.NDArray[np.bool_]
Scores = BoolArray | npt.NDArray[np.float64]
"""A table of right (True) and wrong answers, or of scores in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its confidence interval, in the unit of the data that it was computed from."""

    value: float
    low: float
    high: float

    @property
    def points(self) -> "Estimate":
        """The same with shares in [0, 1] turned into points (0 to 100)."""
        return Estimate(value=self.value * 100, low=self.low * 100, high=self.high * 100)


def wilson(correct: int, n: int, *, coverage: float = 0.95) -> Estimate:
    """Accuracy in [0, 1] with Wilson's score interval.

    Args:
        correct: Number of right answers.
        n: Number of answers.
        coverage: Nominal coverage of the interval.

    Raises:
        InputError: `n` is 0.
    """
    if n <= 0:
        raise InputError("the accuracy of no answers is undefined; give labelled inputs")
    value = correct / n
    # Solves |value - p| = z sqrt(p (1 - p) / n) for p. statsmodels has the same formula; importing
    # it would take longer than a whole `predict --measurements`.
    z = -float(ndtri((1.0 - coverage) / 2.0))
    shrunk = 1.0 + z**2 / n
    centre = (value + z**2 / (2 * n)) / shrunk
    half = z * math.sqrt(value * (1.0 - value) / n + z**2 / (4.0 * n**2)) / shrunk
    # At 0 or 1 the interval ends at the value; rounding could leave the end just inside.
    return Estimate(value=value, low=min(centre - half, value), high=max(centre + half, value))


def paired_bootstrap(
    first: BoolArray,
    second: BoolArray,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean difference between two conditions on the same cells, with its bootstrap interval.

    Args:
        first: (I, N) bool: right or not, instructions by inputs.
        second: The same cells under the other condition; a dimension of size 1 is broadcast.
        rng: Random numbers of the bootstrap.
        draws: Number of bootstrap samples.
        coverage: Nominal coverage of the percentile interval.

    Returns:
        The mean of `first` minus `second`, in [-1, 1].

    Raises:
        InputError: There are no cells, or the shapes differ.
    """
    return paired_bootstrap_mean([(first, second)], rng=rng, draws=draws, coverage=coverage)


def paired_bootstrap_mean(
    pairs: Sequence[tuple[Scores, Scores]],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean over tasks of the difference between two conditions, with its bootstrap interval.

    Args:
        pairs: One (first, second) per task, see `paired_bootstrap`. Each task's instructions and
            inputs are resampled; the set of tasks is fixed.
        rng: Random numbers of the bootstrap.
        draws: Number of bootstrap samples.
        coverage: Nominal coverage of the percentile interval.

    Raises:
        InputError: There are no tasks or no cells, or a task's two tables differ in shape.
    """
    if not pairs:
        raise InputError("the mean difference over no tasks is undefined")
    differences = [_difference(first, second) for first, second in pairs]
    means = np.mean([_resampled(d, rng, draws) for d in differences], axis=0)
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    value = float(np.mean([d.mean() for d in differences]))
    return Estimate(value=value, low=float(low), high=float(high))


def _difference(first: Scores, second: Scores) -> npt.NDArray[np.float64]:
    if first.ndim != 2 or second.ndim != 2 or 0 in first.shape or 0 in second.shape:
        raise InputError(
            f"two tables of instructions by inputs are needed, found {first.shape} and "
            f"{second.shape}"
        )
    try:
        return np.asarray(first.astype(np.float64) - second.astype(np.float64))
    except ValueError:
        raise InputError(
            f"the tables have different cells: {first.shape} and {second.shape}"
        ) from None


def _resampled(
    difference: npt.NDArray[np.float64], rng: np.random.Generator, draws: int
) -> npt.NDArray[np.float64]:
    """(draws,) means of an (I, N) table with rows and columns resampled: w D v for each draw."""
    rows, columns = difference.shape
    # (draws, I) and (draws, N): how often each row and column is drawn, as weights that sum to 1.
    row_weights = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=draws) / rows
    column_weights = rng.multinomial(columns, np.full(columns, 1.0 / columns), size=draws) / columns
    return np.asarray(
        np.einsum("bi,ij,bj->b", row_weights, difference, column_weights, optimize=True)
    )


def gap_mean(
    pairs: Sequence[tuple[Scores, Scores]],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean over tasks of the difference in mean accuracy between two sets of instructions.

    Args:
        pairs: One (first, second) per task, (I, N) and (J, N) on the same N inputs: right or not,
            or scores in [0, 1]. Inputs are resampled for both sets together, the instructions of
            each set independently; the set of tasks is fixed.
        rng: Random numbers of the bootstrap.
        draws: Number of bootstrap samples.
        coverage: Nominal coverage of the percentile interval.

    Raises:
        InputError: There are no tasks or no cells, or the inputs of a task differ in number.
    """
    if not pairs:
        raise InputError("the mean difference over no tasks is undefined")
    values, samples = [], []
    for first, second in pairs:
        if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
            raise InputError(
                f"two sets of instructions need the same inputs, found {first.shape} and "
                f"{second.shape}"
            )
        if not first.size or not second.size:
            raise InputError("a set without instructions or inputs has no accuracy to compare")
        n = first.shape[1]
        # One set of column weights (draws, N) for both sides, row weights for each: w A v - u B v.
        columns = rng.multinomial(n, np.full(n, 1.0 / n), size=draws) / n
        sides = []
        for side in (first, second):
            i = len(side)
            rows = rng.multinomial(i, np.full(i, 1.0 / i), size=draws) / i
            sides.append(((rows @ side.astype(np.float64)) * columns).sum(axis=1))
        samples.append(sides[0] - sides[1])
        values.append(float(first.mean()) - float(second.mean()))
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(np.mean(samples, axis=0), [tail, 1.0 - tail])
    return Estimate(value=float(np.mean(values)), low=float(low), high=float(high))


def paired_bootstrap_runs(
    tasks: Sequence[tuple[Sequence[BoolArray], BoolArray]],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean difference between several training runs and the original, resampling runs as well.

    Args:
        tasks: One (runs, original) per task: S tables (I, N) bool, one for each run (seed), and
            the original model's table on the same cells. Runs are resampled for all tasks
            together, instructions and inputs within each task; a single run is not resampled.
        rng: Random numbers of the bootstrap.
        draws: Number of bootstrap samples.
        coverage: Nominal coverage of the percentile interval.

    Returns:
        The mean over tasks and runs of run minus original.

    Raises:
        InputError: There are no tasks, no runs or no cells, or the shapes or the numbers of runs
            differ.
    """
    counts = {len(runs) for runs, _ in tasks}
    if len(counts) != 1 or 0 in counts:
        raise InputError(f"every task needs the same runs, one or more; found {sorted(counts)}")
    (count,) = counts
    chosen = rng.multinomial(count, np.full(count, 1.0 / count), size=draws) / count
    values, samples = [], []
    for runs, original in tasks:
        each = [_difference(run, original) for run in runs]
        # The runs were measured on the same cells, so every run gets the same row and column
        # weights: the generator is put back before each. `moved` holds S arrays of shape (draws,);
        # `chosen` (draws, S) weights the runs.
        state = rng.bit_generator.state
        moved = []
        for difference in each:
            rng.bit_generator.state = state
            moved.append(_resampled(difference, rng, draws))
        samples.append((chosen * np.stack(moved, axis=1)).sum(axis=1))
        values.append(np.mean([difference.mean() for difference in each]))
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(np.mean(samples, axis=0), [tail, 1.0 - tail])
    return Estimate(value=float(np.mean(values)), low=float(low), high=float(high))
