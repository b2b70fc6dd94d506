"""Quantiles of accuracy over many instructions under a budget of evaluations (PromptEval).

Cells are asked in rounds, spread evenly over instructions and inputs; after each round the model of
`irt.py` fills the cells that were not asked, and the run stops where the intervals are narrow
enough or the budget is spent.

Refuses to know what is measured: a function that answers cells comes in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustness.errors import InputError
from robustness.evaluation.prompteval import irt
from robustness.stats.intervals import BoolArray, Estimate

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
MINIMUM = 5
"""Instructions below which a quantile over them says nothing."""
_DRAWS = 300
_WIDENING = 1.4
"""Of the model's own intervals, so that they hold at least as often as they say on four development
tasks of the embedded backbone (subjectivity, place, scene_topic, pros_cons)."""
Cells = list[tuple[int, int]]
Ask = Callable[[Cells], Sequence[bool]]
"""(instruction, input) numbers -> whether each answer is right."""
Report = Callable[["Quantiles"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """Accuracy that a share `level` of the instructions does not exceed, in points (0 to 100)."""

    level: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """What is known after some of the cells."""

    quantiles: tuple[Quantile, ...]
    mean: Estimate
    """Of accuracy over the instructions, in points."""
    accuracies: tuple[float, ...]
    """Estimate by instruction, in points, in the order that they were given."""
    coverage: float
    """Nominal, of the intervals."""
    asked: int
    cells: int
    stopped: str
    """`width`, `budget`, `complete`, or `running` between rounds."""

    @property
    def width(self) -> float:
        """Widest interval of a quantile, in points."""
        return max(q.high - q.low for q in self.quantiles)


def allocate(
    asked: BoolArray,
    count: int,
    rng: np.random.Generator,
    strata: Sequence[int] | None = None,
) -> Cells:
    """The next cells: from the instructions asked least, on the inputs asked least.

    Args:
        asked: (I, J) cells that were asked; not changed.
        count: How many; fewer where fewer are left.
        rng: Breaks ties.
        strata: (J,) kind of each input, evened out within each instruction. Where it is the right
            answer, an instruction that always draws the same answer is known after a few cells.
    """
    asked = asked.copy()
    kinds = np.zeros(asked.shape[1], dtype=int) if strata is None else np.asarray(strata)
    by_row, by_column = asked.sum(1), asked.sum(0)
    by_kind = np.stack([asked[:, kinds == k].sum(1) for k in range(kinds.max() + 1)], axis=1)
    chosen: Cells = []
    for _ in range(min(count, int((~asked).sum()))):
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
    """Asks cells until the budget is spent or every quantile's interval is narrow enough.

    Args:
        ask: Answers cells.
        texts: (I,) instructions.
        inputs: J labelled inputs.
        budget: Cells at the most.
        strata: See `allocate`.
        width: Points; stop where no interval is wider. None: spend the budget.
        rounds: In which the budget is spent.
        coverage: Nominal, of the intervals.
        seed: Of the allocation and of the draws.
        on_round: Called after each round.

    Raises:
        InputError: There are too few instructions or inputs, or the budget is below one cell an
            instruction.
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
    """Quantiles from the cells that were asked.

    Args:
        features: (I, F) of the instructions.
        asked: (I, J).
        correct: (I, J).
        rng: Of the draws.
        coverage: Nominal, of the intervals.
        budget: Cells at the most, for `stopped`.
        width: Points, for `stopped`.

    Raises:
        InputError: See `irt.fit`.
    """
    draws = 100.0 * irt.fit(features, asked, correct).accuracies(_DRAWS, rng)
    tail, step = (1.0 - coverage) / 2.0, 100.0 / asked.shape[1]

    def interval(values: npt.NDArray[np.float64]) -> Estimate:
        value = values.mean()
        low, high = value + _WIDENING * (np.quantile(values, [tail, 1.0 - tail]) - value)
        # An accuracy is a number of right answers: the interval ends at the next one.
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
