"""Tier 0: what the distance to the nearest observed instruction says, on its task's own scale.

Refuses to know measured degradations; `predictor.py` learns from them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustness.index.neighbours import PointSet
from robustness.types import Conflict, Neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of an instruction before any label is seen."""

    distance: float
    """L2 to the nearest observed instruction."""
    relative: float
    """In units of the median leave-one-out distance among the observed; NaN where undefined."""
    percentile: float
    """0 to 100; NaN where undefined."""
    deficit: float
    """Accuracy that the nearest observed instruction lacks against its peers, in points."""
    conflict: bool

    @property
    def usable(self) -> bool:
        """Whether there is a scale to stand on."""
        return math.isfinite(self.relative) and math.isfinite(self.percentile)


def evidence(
    space: PointSet, neighbours: Neighbours, deficit: float | None, conflicts: Sequence[Conflict]
) -> Evidence:
    """Evidence from the first row of a search.

    Args:
        space: That was searched.
        neighbours: (1, K).
        deficit: Of the nearest, in [-1, 1]; None where unmeasured.
        conflicts: Of the instruction.
    """
    distance = float(neighbours.distances[0, 0])
    return Evidence(
        distance=distance,
        relative=distance / space.scale,
        percentile=space.percentile(distance),
        deficit=0.0 if deficit is None else deficit * 100.0,
        conflict=bool(conflicts),
    )


def features(rows: Sequence[Evidence]) -> npt.NDArray[np.float64]:
    """(N, 4) float64: log relative distance, percentile in [0, 1], deficit in points, conflict."""
    return np.array(
        [
            [math.log1p(r.relative), r.percentile / 100.0, r.deficit, float(r.conflict)]
            for r in rows
        ],
        dtype=np.float64,
    ).reshape(len(rows), 4)
