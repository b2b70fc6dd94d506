"""Whether further unlabelled inputs are read: only where they narrow the interval enough.

An interval that is narrow already is left, and so is one that the next tier's band would hardly
narrow. The inputs that were read then depend on the prediction, so the rule has a calibration of
its own, of the intervals at which it stops (see `stopping_fitting`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustness.prediction.degradation.skill import Skill

Floats = npt.NDArray[np.float64]
WIDE = 10.0
"""Width in points up to which an interval is narrow enough."""
WORTH = 0.1
"""Least expected narrowing in points for each further prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The rule with its calibration."""

    wide: float
    """See `WIDE`."""
    worth: float
    """See `WORTH`."""
    factor: float
    """What the bands of the tiers are multiplied by where the rule chose the tier."""
    prompts: float
    """Mean number of inputs read, cross-fitted."""
    skill: Skill

    def goes_on(self, now: float, then: float, further: int) -> bool:
        """See `goes_on`."""
        return bool(goes_on(now, then, further, self.wide, self.worth))


def goes_on(
    now: Floats | float, then: Floats | float, further: int, wide: float = WIDE,
    worth: float = WORTH,
) -> npt.NDArray[np.bool_]:
    """Whether further inputs are read.

    Args:
        now: Width of the interval in points.
        then: Width that the next tier's band would have around the same prediction.
        further: Number of further inputs for the next tier.
        wide: See `WIDE`.
        worth: See `WORTH`.
    """
    return (np.asarray(now) > wide) & (np.subtract(now, then) >= worth * further)
