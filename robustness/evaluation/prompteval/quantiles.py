"""PromptEval: quantiles of accuracy over many instructions under a budget of evaluations.

Cells (instruction, input) are evaluated in rounds, spread evenly over instructions and inputs.
After each round the item response model (`irt`) predicts the cells that were not evaluated. The run
stops when the intervals are narrow enough or the budget is spent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustness.errors import InputError
from robustness.evaluation.prompteval import irt
from robustness.stats.intervals import BoolArray, Estimate

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Levels of the quantiles that are reported."""
MINIMUM = 5
"""Least number of instructions, and of inputs."""
_DRAWS = 300
"""Posterior draws behind each estimate."""
_WIDENING = 1.4
"""Factor by which the model's intervals are widened. It was chosen so that their coverage is at
least nominal on four development tasks of the embedded backbone (subjectivity, place, scene_topic,
pros_cons)."""
Cells = list[tuple[int, int]]
"""(instruction, input) index pairs."""
Ask = Callable[[Cells], Sequence[bool]]
"""Evaluates cells: index pairs -> whether each answer is right."""
Report = Callable[["Quantiles"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile of accuracy over instructions, in points (0 to 100), with its interval."""

    level: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Estimates after some of the cells were evaluated."""

    quantiles: tuple[Quantile, ...]
    mean: Estimate
    """Mean accuracy over the instructions, in points."""
    accuracies: tuple[float, ...]
    """Estimated accuracy of each instruction, in points, in the order given."""
    coverage: float
    """Nominal coverage of the intervals."""
    asked: int
    """Number of cells that were evaluated."""
    cells: int
    """Number of all cells."""
    stopped: str
    """Why the run stopped: `width`, `budget` or `complete`; `running` between rounds."""

    @property
    def width(self) -> float:
        """Width of the widest interval of a quantile, in points."""
        return max(q.high - q.low for q in self.quantiles)


def allocate(
    asked: BoolArray,
    count: int,
    rng: np.random.Generator,
    strata: Sequence[int] | None = None,
) -> Cells:
    """Chooses the next cells: the instructions and inputs evaluated least so far come first.

    Args:
        asked: (I, J) bool: cells that were evaluated; not changed.
        count: How many cells; fewer where fewer are left.
        rng: Random numbers that break ties.
        strata: (J,) stratum of each input, balanced within each instruction. With the right answer
            as the stratum, an instruction under which the model always answers the same is
            recognised after a few cells.

    Returns:
        The cells, in the order in which they were chosen.
    """
    asked = asked.copy()
    kinds = np.zeros(asked.shape[1], dtype=int) if strata is None else np.asarray(strata)
    by_row, by_column = asked.sum(1), asked.sum(0)
    by_kind = np.stack([asked[:, kinds == k].sum(1) for k in range(kinds.max() + 1)], axis=1)
    chosen: Cells = []
    for _ in range(min(count, int((~asked).sum()))):
        # The instruction with the fewest cells; for it, an input of the stratum it has seen least,
        # and of these the input with the fewest cells (hence the factor I + 1 > any count).
        row = _least(np.where(asked.all(1), np.inf, by_row), rng)
        first = by_kind[row][kinds] * (asked.shape[0] + 1.0) + by_column
        column = _least(np.where(asked[row], np.inf, first), rng)
        asked[row, column] = True
        by_row[row] += 1
        by_column[column] += 1
        by_kind[row, kinds[column]] += 1
        chosen.append((row, column))
    return chosen


def _least(values: npt.NDArray[np.float64], rng: np.random.Generator) -> int:
    return int(rng.choice(np.flatnonzero(values == values.min())))


def study(
    ask: Ask,
    texts: Sequence[str],
    inputs: int,
    *,
    budget: int,
    strata: Sequence[int] | None = None,
    width: float | None = None,
    rounds: int = 10,
    coverage: float = 0.9,
    seed: int = 0,
    on_round: Report | None = None,
) -> Quantiles:
    """Evaluates cells until the budget is spent or the intervals are narrow enough.

    Args:
        ask: Evaluates cells.
        texts: The I instructions.
        inputs: Number J of labelled inputs.
        budget: Largest number of cells.
        strata: See `allocate`.
        width: Stop when no quantile's interval is wider, in points. None: spend the budget.
        rounds: Number of rounds in which the budget is spent.
        coverage: Nominal coverage of the intervals.
        seed: Seed of the choice of cells and of the draws.
        on_round: Called after each round.

    Raises:
        InputError: There are too few instructions or inputs, or the budget is smaller than the
            number of instructions.
    """
    count = len(texts)
    if count < MINIMUM or inputs < MINIMUM:
        raise InputError(
            f"quantiles over instructions need at least {MINIMUM} instructions and {MINIMUM} "
            f"inputs, found {count} and {inputs}"
        )
    if budget < count:
        raise InputError(
            f"a budget of {budget} cells is less than one for each of the {count} instructions"
        )
    features = irt.text_features(list(texts))
    asked = np.zeros((count, inputs), dtype=np.bool_)
    correct = np.zeros_like(asked)
    budget = min(budget, asked.size)
    rng = np.random.default_rng(seed)
    found: Quantiles | None = None
    while found is None or found.stopped == "running":
        done = int(asked.sum())
        cells = allocate(asked, min(max(count, -(-budget // rounds)), budget - done), rng, strata)
        for (row, column), right in zip(cells, ask(cells), strict=True):
            asked[row, column], correct[row, column] = True, right
        found = estimate(
            features, asked, correct, coverage=coverage, budget=budget, width=width,
            rng=np.random.default_rng([seed, int(asked.sum())]),
        )
        if on_round is not None:
            on_round(found)
    return found


def estimate(
    features: npt.NDArray[np.float64],
    asked: BoolArray,
    correct: BoolArray,
    *,
    rng: np.random.Generator,
    coverage: float = 0.9,
    budget: int | None = None,
    width: float | None = None,
) -> Quantiles:
    """Estimates the quantiles from the cells that were evaluated.

    Args:
        features: (I, F) features of the instructions.
        asked: (I, J) bool: which cells were evaluated.
        correct: (I, J) bool: whether the answer was right.
        rng: Random numbers of the draws.
        coverage: Nominal coverage of the intervals.
        budget: Largest number of cells, to fill `stopped`.
        width: Wanted width in points, to fill `stopped`.

    Raises:
        InputError: See `irt.fit`.
    """
    # (S, I) draws of each instruction's accuracy in points. A quantile over the I instructions is
    # taken in every draw; its S values give the estimate (mean) and the interval.
    draws = 100.0 * irt.fit(features, asked, correct).accuracies(_DRAWS, rng)
    tail, step = (1.0 - coverage) / 2.0, 100.0 / asked.shape[1]

    def interval(values: npt.NDArray[np.float64]) -> Estimate:
        value = values.mean()
        low, high = value + _WIDENING * (np.quantile(values, [tail, 1.0 - tail]) - value)
        # An accuracy is a whole number of right answers: the bounds are moved out to the next one.
        if np.ptp(values) > 0:
            low, high = np.floor(low / step + 1e-9) * step, np.ceil(high / step - 1e-9) * step
        return Estimate(
            value=float(value), low=float(max(low, 0.0)), high=float(min(high, 100.0))
        )

    by_level = [(level, interval(np.quantile(draws, level, axis=1))) for level in LEVELS]
    quantiles = tuple(
        Quantile(level=level, value=e.value, low=e.low, high=e.high) for level, e in by_level
    )
    done, total = int(asked.sum()), asked.size
    widest = max(q.high - q.low for q in quantiles)
    if done == total:
        stopped = "complete"
    elif width is not None and widest <= width:
        stopped = "width"
    else:
        stopped = "budget" if budget is not None and done >= budget else "running"
    return Quantiles(
        quantiles=quantiles, mean=interval(draws.mean(1)),
        accuracies=tuple(float(a) for a in draws.mean(0)), coverage=coverage, asked=done,
        cells=total, stopped=stopped,
    )
