"""Cross-conformal intervals, cross-fitted over clusters of near-duplicate instructions.

Every measured instruction is predicted by a regression that saw nothing of its cluster; two
quantiles of all these residuals, laid around the regression on all instructions, are the interval.
That is cross-conformal prediction in its simplest form (MAPIE's `method="base"`), not split-
conformal prediction, which would set aside instructions that no regression sees. The coverage that
it had is measured and shown (`covered`), since a proof of it needs more than exchangeable clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from robustness.errors import InputError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Numbers of the rows to fit on, and of those held out: what scikit-learn takes as `cv`."""

LIMIT = 100.0
"""Degradation never leaves [-100, 100] points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What is added to a prediction, in the target's unit."""

    low: float
    high: float


def splits(groups: npt.NDArray[np.int64], count: int, seed: int) -> list[Split]:
    """Folds in which every row is held out once and a cluster is never divided.

    Args:
        groups: (N,) clusters.
        count: Folds, as far as there are as many clusters.
        seed: Of the order in which clusters are dealt to folds.

    Raises:
        InputError: There are fewer than two clusters.
    """
    found = len(np.unique(groups))
    if found < 2:
        raise InputError(f"calibration needs at least two clusters of instructions, found {found}")
    folds = GroupKFold(min(count, found), shuffle=True, random_state=seed)
    return list(folds.split(groups, groups=groups))


def band(residuals: Floats, coverage: float) -> Band:
    """The two conformal quantiles of residuals y - prediction, each with half of the error.

    With too few residuals for a quantile the band is as wide as the unit allows.
    """
    ordered = np.sort(residuals)
    n = len(ordered)
    tail = (1.0 - coverage) / 2.0
    # A tolerance, so that 0.1 / 2 * 20 counts as one and not as a hair less.
    below = int(np.floor((n + 1) * tail + 1e-9))
    above = int(np.ceil((n + 1) * (1.0 - tail) - 1e-9))
    return Band(
        low=float(ordered[below - 1]) if below >= 1 else -LIMIT,
        high=float(ordered[above - 1]) if above <= n else LIMIT,
    )


def covered(residuals: Floats, held_out: Sequence[Split], coverage: float) -> Mask:
    """(N,) whether a residual lies inside the band of the other folds' residuals."""
    inside = np.zeros(len(residuals), dtype=bool)
    for others, rows in held_out:
        other = band(residuals[others], coverage)
        inside[rows] = (residuals[rows] >= other.low) & (residuals[rows] <= other.high)
    return inside
