"""Sensitivity of answers to the instruction: spread, CVaR, worst case, consistency, PSS, POSIX.

Everything takes arrays of answers with one row per instruction and one column per input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from robustness.errors import InputError
from robustness.stats.intervals import BoolArray

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

UNPARSED = -1
"""Code of an unparsed answer: it agrees with no other answer, nor with another unparsed one."""
WORST_SHARE = 0.1
"""Share of the worst instructions in CVaR10."""


def _several(count: int, what: str) -> None:
    if count < 2:
        raise InputError(f"{what} of {count} instructions is undefined; give at least two")


def spread(accuracies: Sequence[float]) -> float:
    """Largest minus smallest accuracy over instructions (Mizrahi et al. 2024).

    Args:
        accuracies: One per instruction, in any unit.

    Returns:
        The spread, in the same unit.

    Raises:
        InputError: There are fewer than two.
    """
    _several(len(accuracies), "the spread")
    return float(max(accuracies) - min(accuracies))


def worst_mean(accuracies: Sequence[float], share: float = WORST_SHARE) -> float:
    """Mean accuracy over the worst share of instructions: conditional value at risk, CVaR10 at 0.1.

    Args:
        accuracies: One per instruction, in any unit.
        share: Which share of the instructions counts as the worst, in (0, 1].

    Returns:
        The mean, in the same unit.

    Raises:
        InputError: There are no accuracies, or the share is out of range.
    """
    if not len(accuracies):
        raise InputError("the worst of no instructions is undefined")
    if not 0.0 < share <= 1.0:
        raise InputError(f"the share of the worst must lie between 0 and 1, found {share}")
    # With I instructions the worst share * I count. Where that is no whole number, the last one
    # counts in part: 25 instructions at 0.1 give the weights 1, 1, 0.5, 0, ... in ascending order.
    # Dividing by the sum of the weights makes it the worst accuracy where share * I < 1.
    ordered = np.sort(np.asarray(accuracies, dtype=np.float64))
    size = share * len(ordered)
    weights = np.clip(size - np.arange(len(ordered)), 0.0, 1.0)
    return float(weights @ ordered / weights.sum())


def worst_case(correct: BoolArray) -> float:
    """Worst-case accuracy: the share of inputs that are right under every instruction, in [0, 1].

    Args:
        correct: (I, N) bool: right or not.

    Raises:
        InputError: There are no instructions or no inputs.
    """
    if correct.ndim != 2 or not correct.size:
        raise InputError(f"worst-case accuracy needs instructions by inputs, found {correct.shape}")
    return float(correct.all(axis=0).mean())


def consistency(answers: Codes) -> float:
    """Consistency: how often two instructions lead to the same answer to an input, in [0, 1].

    The share of (unordered pair of instructions, input) whose two answers are equal.

    Args:
        answers: (I, N) int: the code of each answer; `UNPARSED` where it names no option.

    Raises:
        InputError: There are fewer than two instructions, or no inputs.
    """
    if answers.ndim != 2 or not answers.shape[1]:
        raise InputError(f"consistency needs instructions by inputs, found {answers.shape}")
    count = len(answers)
    _several(count, "the consistency")
    # An answer that c of the I instructions give to an input makes c (c - 1) / 2 agreeing pairs
    # out of I (I - 1) / 2. Counting answers needs no (I, I, N) table of pairs.
    agreeing = sum(
        float((np.sum(answers == code, axis=0) * (np.sum(answers == code, axis=0) - 1)).sum())
        for code in np.unique(answers) if code != UNPARSED
    )
    return float(agreeing / (count * (count - 1) * answers.shape[1]))


def pss(correct: BoolArray) -> float:
    """PSS, the prompt sensitivity score of ProSA (2024), in [0, 1]; 0 is insensitive.

    The mean over inputs of the mean over pairs of instructions a, b of |Y_a - Y_b|, where Y is the
    score of the answer. With Y in {0, 1} the difference is 1 exactly where one of the two is right
    and the other wrong, so PSS is one minus the consistency of being right.

    Args:
        correct: (I, N) bool: Y is 1 where the answer is right.

    Raises:
        InputError: There are fewer than two instructions, or no inputs.
    """
    return 1.0 - consistency(correct.astype(np.int64))


def posix(cross: Floats, lengths: npt.NDArray[np.int64]) -> float:
    """POSIX, the prompt sensitivity index (2024), in nats per token; 0 is insensitive.

    For one input, 1/(I (I - 1)) sum over i, j of |log P(y_j | x_i) - log P(y_j | x_j)| / len(y_j):
    how much the log-probability of an answer y_j, given under instruction j, changes when
    instruction i is put in the place of j. The mean over inputs is returned. Needs no labels.

    Args:
        cross: (N, I, I) float64, nats: [n, i, j] is log P(y_j | x_i), where y_j is the answer to
            input n under instruction j and x_i is the prompt of instruction i.
        lengths: (N, I) int: number of tokens of y_j.

    Raises:
        InputError: There are fewer than two instructions or no inputs, the shapes do not fit, or
            an answer has no tokens.
    """
    if cross.ndim != 3 or cross.shape[1] != cross.shape[2] or cross.shape[:2] != lengths.shape:
        raise InputError(
            f"POSIX needs (N, I, I) log-probabilities and (N, I) lengths, found {cross.shape} and "
            f"{lengths.shape}"
        )
    inputs, count = lengths.shape
    _several(count, "POSIX")
    if not inputs or lengths.min() < 1:
        raise InputError("POSIX needs inputs, and answers of at least one token")
    # (N, I): each answer under its own instruction. The terms i = j are zero, so the sum over all
    # pairs is divided by the I (I - 1) others.
    own = np.diagonal(cross, axis1=1, axis2=2)
    moved = np.abs(cross - own[:, None, :]) / lengths[:, None, :]
    return float(moved.sum(axis=(1, 2)).mean() / (count * (count - 1)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A least-squares line with the confidence band of its mean, in the units of x and y."""

    n: int
    slope: float
    intercept: float
    r: float
    """Pearson's correlation."""
    p: float
    """Two-sided p-value of no correlation, taking the points as independent."""
    x: tuple[float, ...]
    """Where the band was computed."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """95% confidence interval of the mean at each x."""

    def at(self, x: float) -> float:
        """The fitted y at one x."""
        return self.intercept + self.slope * x


def line(x: Sequence[float], y: Sequence[float], *, points: int = 50) -> Line:
    """Least-squares regression of y on x with a 95% confidence band, as in Fig. 5 of [S1].

    Args:
        x: n values.
        y: n values.
        points: At how many places, evenly over the range of x, the band is computed.

    Raises:
        InputError: There are fewer than three points, or x or y does not vary.
    """
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if across.shape != up.shape or across.ndim != 1 or len(across) < 3:
        raise InputError(f"a line needs three points or more, found {across.shape} and {up.shape}")
    if np.ptp(across) == 0.0 or np.ptp(up) == 0.0:
        raise InputError("a correlation with something that does not vary is undefined")
    fit = stats.linregress(across, up)
    grid = np.linspace(across.min(), across.max(), points)
    middle = across.mean()
    squares = float(((across - middle) ** 2).sum())
    residual = up - (fit.intercept + fit.slope * across)
    # Standard error of the mean response at x0: s sqrt(1/n + (x0 - mean)^2 / sum (x - mean)^2),
    # with n - 2 degrees of freedom since slope and intercept are estimated.
    free = len(across) - 2
    scale = float(np.sqrt((residual**2).sum() / free))
    half = stats.t.ppf(0.975, free) * scale * np.sqrt(
        1.0 / len(across) + (grid - middle) ** 2 / squares
    )
    height = fit.intercept + fit.slope * grid
    return Line(
        n=len(across), slope=float(fit.slope), intercept=float(fit.intercept),
        r=float(fit.rvalue), p=float(fit.pvalue), x=tuple(grid.tolist()),
        low=tuple((height - half).tolist()), high=tuple((height + half).tolist()),
    )
