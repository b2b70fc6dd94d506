"""Where a number stands among others, whatever rounding did to it."""

from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-5
"""Relative difference below which two distances are equal: another processor adds in another
order."""


def percentile(known: npt.NDArray[np.floating[Any]], distance: float) -> float:
    """Percentage (0 to 100) of known distances that are smaller than one; NaN without any.

    Distances that differ by rounding alone are equal: an observed instruction typed again is as far
    from the nearest other one as it was, on every processor.

    Args:
        known: (N,) distances.
        distance: The one that is compared with them.
    """
    if not known.size:
        return float("nan")
    return float(np.mean(known < distance * (1 - _ROUNDING)) * 100.0)
