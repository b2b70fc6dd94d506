"""Tier 0: the evidence of the distance to the nearest observed instruction, as in [S1].

Distances differ in scale between tasks, so they are divided by the task's median leave-one-out
distance among observed instructions. Does not predict; see `predictor`.
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
    """Evidence on an instruction from its distance and its text alone."""

    distance: float
    """L2 distance to the nearest observed instruction."""
    relative: float
    """Distance over the median leave-one-out distance of observed instructions; NaN: undefined."""
    percentile: float
    """Percentile of the distance among the leave-one-out distances, 0 to 100; NaN: undefined."""
    deficit: float
    """Mean accuracy of the observed instructions minus that of the nearest one, in points."""
    conflict: bool
    """Whether the instruction has a label conflict."""

    @property
    def usable(self) -> bool:
        """Whether relative distance and percentile are defined."""
        return math.isfinite(self.relative) and math.isfinite(self.percentile)


def evidence(
    space: PointSet, neighbours: Neighbours, deficit: float | None, conflicts: Sequence[Conflict]
) -> Evidence:
    """The evidence of one instruction from a search for its nearest neighbours.

    Args:
        space: The observed instructions that were searched.
        neighbours: The result for one query, (1, K).
        deficit: Deficit of the nearest instruction, in [-1, 1]; None where it was not measured.
        conflicts: Label conflicts of the instruction.
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
    """Tier 0's features, (N, 4) float64.

    log(1 + relative distance), percentile in [0, 1], deficit in points, conflict (0 or 1).
    """
    return np.array(
        [
            [math.log1p(r.relative), r.percentile / 100.0, r.deficit, float(r.conflict)]
            for r in rows
        ],
        dtype=np.float64,
    ).reshape(len(rows), 4)
