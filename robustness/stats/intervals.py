"""Intervals and tests: Wilson, paired bootstrap over instructions and inputs, McNemar, Holm.

Refuses to know models and tasks: arrays of correct answers come in, in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar as _mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from robustness.errors import InputError

BoolArray = npt.NDArray[np.bool_]
Scores = BoolArray | npt.NDArray[np.float64]
"""Right or wrong, or scores in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval, in the unit of what it was made from."""

    value: float
    low: float
    high: float

    @property
    def points(self) -> "Estimate":
        """A share as points (0 to 100)."""
        return Estimate(value=self.value * 100, low=self.low * 100, high=self.high * 100)


def wilson(correct: int, n: int, *, coverage: float = 0.95) -> Estimate:
    """Accuracy in [0, 1] with Wilson's interval.

    Raises:
        InputError: There is nothing to take the accuracy of.
    """
    if n <= 0:
        raise InputError("the accuracy of no answers is undefined; give labelled inputs")
    low, high = proportion_confint(correct, n, alpha=1.0 - coverage, method="wilson")
    value = correct / n
    # Rounding can leave the end a hair inside of 0 or 1, where the value is.
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def paired_bootstrap(
    first: BoolArray,
    second: BoolArray,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean of first minus second on identical cells, resampling instructions and inputs.

    Args:
        first: (I, N) bool, correct or not, instructions by inputs.
        second: The same cells under the other condition; a dimension of 1 is broadcast.
        rng: Where chance comes from.
        draws: Bootstrap samples.
        coverage: Of the percentile interval.

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
    """Mean over tasks of first minus second, resampling each task's instructions and inputs.

    Args:
        pairs: A (first, second) a task, see `paired_bootstrap`. The tasks themselves are fixed.
        rng: Where chance comes from.
        draws: Bootstrap samples.
        coverage: Of the percentile interval.

    Raises:
        InputError: There are no tasks or no cells, or the shapes of a task differ.
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
    """(draws,) means with rows and columns drawn again."""
    rows, columns = difference.shape
    # A resample is a weighting of rows and columns, so each draw is one bilinear product.
    row_weights = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=draws) / rows
    column_weights = rng.multinomial(columns, np.full(columns, 1.0 / columns), size=draws) / columns
    return np.asarray(
        np.einsum("bi,ij,bj->b", row_weights, difference, column_weights, optimize=True)
    )


def mcnemar(first: BoolArray, second: BoolArray) -> float:
    """Exact McNemar p-value for two conditions on the same inputs, (N,) bool each.

    Raises:
        InputError: There are no inputs, or the lengths differ.
    """
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise InputError(
            f"McNemar's test needs the same inputs twice, found {first.shape} and {second.shape}"
        )
    gained = int(np.sum(first & ~second))
    lost = int(np.sum(~first & second))
    if gained + lost == 0:
        return 1.0
    return float(_mcnemar([[0, gained], [lost, 0]], exact=True).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in order; empty for none."""
    if not p_values:
        return []
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]


def gap_mean(
    pairs: Sequence[tuple[Scores, Scores]],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    coverage: float = 0.95,
) -> Estimate:
    """Mean over tasks of first minus second, where the two hold different instructions.

    Args:
        pairs: A (first, second) a task, (I, N) and (J, N) on the same N inputs, right or not, or a
            share in [0, 1]. Inputs are drawn again together, the instructions of each side apart;
            the tasks are fixed.
        rng: Where chance comes from.
        draws: Bootstrap samples.
        coverage: Of the percentile interval.

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
    """Mean over tasks and runs of each run minus the original, resampling runs as well.

    Args:
        tasks: (runs, original) a task: S tables (I, N) bool, one a run (a seed), and the
            original's on the same cells. A run is drawn again for all tasks together, instructions
            and inputs a task; with one run only those move.
        rng: Where chance comes from.
        draws: Bootstrap samples.
        coverage: Of the percentile interval.

    Raises:
        InputError: There are no tasks, no runs or no cells, or tables or runs do not match.
    """
    counts = {len(runs) for runs, _ in tasks}
    if len(counts) != 1 or 0 in counts:
        raise InputError(f"every task needs the same runs, one or more; found {sorted(counts)}")
    (count,) = counts
    chosen = rng.multinomial(count, np.full(count, 1.0 / count), size=draws) / count
    values, samples = [], []
    for runs, original in tasks:
        each = [_difference(run, original) for run in runs]
        # The same instructions and inputs are drawn for every run, as they share them.
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
