"""Cross-conformal prediction intervals over clusters of near-duplicate instructions.

    1. The measured instructions are divided into folds that never split a cluster (`folds.splits`).
    2. Each instruction's degradation is predicted by a regression fitted to the other folds, which
       saw neither it nor its near-duplicates. The residual is y - prediction.
    3. The interval of a new instruction is the prediction of the regression on all instructions,
       plus the lower and upper conformal quantiles of these residuals (`band`).

The residuals estimate how wrong a prediction is for an instruction of a new cluster; without
leaving clusters out, near-duplicates would make them too small. This is cross-conformal prediction
in its simplest form (MAPIE's `method="base"`). Split-conformal prediction would instead set a part
of the instructions aside for the residuals only, which are too few for that. The guarantee of
coverage would need exchangeable clusters, so the coverage that was reached is measured (`covered`)
and shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""(rows to fit on, rows held out), as in scikit-learn's `cv`."""

LIMIT = 100.0
"""Degradation lies in [-100, 100] points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The bounds of an interval relative to the prediction, in the target's unit."""

    low: float
    high: float


def band(residuals: Floats, coverage: float) -> Band:
    """The lower and upper conformal quantiles of residuals y - prediction.

    Each has half of the error 1 - coverage. A new residual is equally likely to fall into any of
    the n + 1 gaps between n sorted residuals, so the lower bound is the k-th smallest with
    k = floor((n + 1) (1 - coverage) / 2), and the upper one likewise from above. Where n is too
    small for that (k = 0), the bound is that of the unit, +-100.

    Args:
        residuals: (N,) in points.
        coverage: Nominal coverage, in (0, 1).
    """
    ordered = np.sort(residuals)
    n = len(ordered)
    tail = (1.0 - coverage) / 2.0
    # The tolerance keeps 0.1 / 2 * 20 from counting as slightly less than 1.
    below = int(np.floor((n + 1) * tail + 1e-9))
    above = int(np.ceil((n + 1) * (1.0 - tail) - 1e-9))
    return Band(
        low=float(ordered[below - 1]) if below >= 1 else -LIMIT,
        high=float(ordered[above - 1]) if above <= n else LIMIT,
    )


def covered(residuals: Floats, held_out: Sequence[Split], coverage: float) -> Mask:
    """(N,) bool: whether each residual lies within the band of the residuals of other folds."""
    inside = np.zeros(len(residuals), dtype=bool)
    for others, rows in held_out:
        other = band(residuals[others], coverage)
        inside[rows] = (residuals[rows] >= other.low) & (residuals[rows] <= other.high)
    return inside
