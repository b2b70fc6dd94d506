"""Cross-conformal prediction intervals over clusters of near-duplicate instructions.

    1. The measured instructions are divided into folds that never split a cluster (`folds.splits`).
    2. Each instruction's degradation is predicted by a regression fitted to the other folds, which
       saw neither it nor its near-duplicates. The residual is y - prediction.
    3. The interval of a new instruction is the prediction of the regression on all instructions,
       plus the lower and upper conformal quantiles of these residuals (`band`).

The residuals estimate how wrong a prediction is for an instruction of a new cluster; without
leaving clusters out, near-duplicates would make them too small. A new instruction is exchangeable
with the clusters and not with their members, so each cluster counts as one (hierarchical conformal
prediction, Lee, Barber and Willett 2023). With clusters of one this is cross-conformal prediction
in its simplest form (MAPIE's `method="base"`). Split-conformal prediction would instead set a part
of the instructions aside for the residuals only, which are too few for that. So coverage is
measured as well, with everything that was fitted or chosen done again without the instructions that
it is measured on (`tier_fitting.judge`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""(rows to fit on, rows held out), as in scikit-learn's `cv`."""

_ROUNDING = 1e-9
LIMIT = 100.0
"""Degradation lies in [-100, 100] points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The bounds of an interval relative to the prediction, in the target's unit."""

    low: float
    high: float


def bounded(values: Floats | float, usual: Floats | float | None) -> Floats:
    """Degradations cut to what is possible, since accuracy lies in [0, 100] points.

    Args:
        values: Degradations in points.
        usual: Accuracy of the observed instructions in points, which is the most that can be lost;
            None: unknown, so that the bounds are -100 and 100.
    """
    most = LIMIT if usual is None else usual
    least = -LIMIT if usual is None else usual - LIMIT
    return np.clip(values, least, most)


def band(
    residuals: Floats, coverage: float, groups: npt.NDArray[np.int64] | None = None
) -> Band:
    """The lower and upper conformal quantiles of residuals y - prediction.

    Each has half of the error 1 - coverage. Where there are too few clusters for that, the bound is
    that of the unit, +-100.

    Args:
        residuals: (N,) in points.
        coverage: Nominal coverage, in (0, 1).
        groups: (N,) cluster of each; None: each is its own.
    """
    error = (1.0 - coverage) / 2.0
    return Band(low=-upper(-residuals, error, groups), high=upper(residuals, error, groups))


def inside(y: Floats, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """(N,) whether values lie in their intervals, of which the ends belong to them.

    An interval often ends where accuracy ends (`bounded`), and a value that lies there may differ
    by its rounding alone.

    Args:
        y: (N,) in points.
        low: (N,) lower ends.
        high: (N,) upper ends.
    """
    return np.asarray((y >= low - _ROUNDING) & (y <= high + _ROUNDING))


def upper(values: Floats, error: float, groups: npt.NDArray[np.int64] | None = None) -> float:
    """The conformal quantile beyond which a value of a new cluster lies with a given probability.

    Args:
        values: (N,).
        error: The probability, in (0, 1).
        groups: (N,) cluster of each; None: each is its own.

    Returns:
        The least of the values for which the shares above it and the whole share of the new cluster
        are at most `error` of all; `LIMIT` where there are too few clusters.
    """
    order = np.argsort(-values)
    shares, found = shares_of(len(values), groups)
    above = np.cumsum(shares[order]) - shares[order]
    # The tolerance keeps 0.1 / 2 * 20 from counting as slightly less than 1.
    inside = np.flatnonzero(above + 1.0 <= (found + 1) * error + 1e-9)
    return float(values[order[inside[-1]]]) if len(inside) else LIMIT


def shares_of(count: int, groups: npt.NDArray[np.int64] | None) -> tuple[Floats, int]:
    """(N,) the share of each row in its cluster's 1, and the number of clusters."""
    if groups is None:
        return np.ones(count), count
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1.0 / sizes[inverse], len(sizes)
