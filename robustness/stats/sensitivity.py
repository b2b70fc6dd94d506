"""How much answers move when only the instruction changes: spread, tail, agreement, POSIX.

Refuses to know models and tasks: arrays of answers come in, one row an instruction. Definitions:
PAPER, 'Statistics to report'.
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
"""The code of an answer that could not be read: it agrees with nothing, itself included."""
WORST_SHARE = 0.1


def _several(count: int, what: str) -> None:
    if count < 2:
        raise InputError(f"{what} of {count} instructions is undefined; give at least two")


def spread(accuracies: Sequence[float]) -> float:
    """Largest minus smallest, in the unit that comes in (Mizrahi et al. 2024).

    Raises:
        InputError: Fewer than two.
    """
    _several(len(accuracies), "the spread")
    return float(max(accuracies) - min(accuracies))


def worst_mean(accuracies: Sequence[float], share: float = WORST_SHARE) -> float:
    """Mean of the worst share of instructions (CVaR10 at 0.1), in the unit that comes in.

    A share that is no whole number of instructions takes the last one in part, so that below
    1/share instructions it is the worst one.

    Raises:
        InputError: There are none, or the share is not in (0, 1].
    """
    if not len(accuracies):
        raise InputError("the worst of no instructions is undefined")
    if not 0.0 < share <= 1.0:
        raise InputError(f"the share of the worst must lie between 0 and 1, found {share}")
    ordered = np.sort(np.asarray(accuracies, dtype=np.float64))
    size = share * len(ordered)
    weights = np.clip(size - np.arange(len(ordered)), 0.0, 1.0)
    return float(weights @ ordered / weights.sum())


def worst_case(correct: BoolArray) -> float:
    """Share, in [0, 1], of inputs that every instruction gets right.

    Args:
        correct: (I, N) bool.

    Raises:
        InputError: There are no cells.
    """
    if correct.ndim != 2 or not correct.size:
        raise InputError(f"worst-case accuracy needs instructions by inputs, found {correct.shape}")
    return float(correct.all(axis=0).mean())


def consistency(answers: Codes) -> float:
    """Share, in [0, 1], of unordered pairs of instructions that answer an input alike.

    Args:
        answers: (I, N) int: an answer's code, `UNPARSED` where there is none.

    Raises:
        InputError: Fewer than two instructions, or no inputs.
    """
    if answers.ndim != 2 or not answers.shape[1]:
        raise InputError(f"consistency needs instructions by inputs, found {answers.shape}")
    count = len(answers)
    _several(count, "the consistency")
    # Pairs that agree are counted from how often each answer comes: no (I, I, N) table is needed.
    agreeing = sum(
        float((np.sum(answers == code, axis=0) * (np.sum(answers == code, axis=0) - 1)).sum())
        for code in np.unique(answers) if code != UNPARSED
    )
    return float(agreeing / (count * (count - 1) * answers.shape[1]))


def pss(correct: BoolArray) -> float:
    """Mean over inputs of the mean pairwise |Y_a - Y_b|, in [0, 1] (ProSA 2024).

    Args:
        correct: (I, N) bool: Y is 1 for a right answer.

    Raises:
        InputError: Fewer than two instructions, or no inputs.
    """
    return 1.0 - consistency(correct.astype(np.int64))


def posix(cross: Floats, lengths: npt.NDArray[np.int64]) -> float:
    """POSIX (2024), nats a token, label-free, mean over inputs; 0 is insensitive.

    1/(I(I-1)) sum_ij (1/len y_j) |log P(y_j|x_i) - log P(y_j|x_j)|.

    Args:
        cross: (N, I, I) float64, nats: [n, i, j] is log P(y_j | x_i), the answer that input n got
            under instruction j, read under instruction i.
        lengths: (N, I) int: tokens of y_j.

    Raises:
        InputError: Fewer than two instructions, no inputs, shapes that do not fit, or an answer
            without tokens.
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
    own = np.diagonal(cross, axis1=1, axis2=2)
    moved = np.abs(cross - own[:, None, :]) / lengths[:, None, :]
    return float(moved.sum(axis=(1, 2)).mean() / (count * (count - 1)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A least-squares line with its confidence band; x and y in what came in."""

    n: int
    slope: float
    intercept: float
    r: float
    """Pearson's correlation."""
    p: float
    """Two-sided, of no correlation, points taken as independent."""
    x: tuple[float, ...]
    """Where the band is known."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """95% confidence interval of the mean at each x."""

    def at(self, x: float) -> float:
        """The line's height."""
        return self.intercept + self.slope * x


def line(x: Sequence[float], y: Sequence[float], *, points: int = 50) -> Line:
    """Regression of y on x, as in Fig. 5 of [S1].

    Args:
        x: n values.
        y: n values.
        points: Where the band is computed, evenly over x.

    Raises:
        InputError: Fewer than three points, or one of the two does not vary.
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
