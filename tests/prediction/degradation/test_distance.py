import math
from dataclasses import replace

import numpy as np
import pytest

from robustness.index import neighbours
from robustness.prediction.degradation import distance
from robustness.prediction.degradation.distance import Evidence
from robustness.types import Conflict

SPACE = neighbours.point_set(["a", "b", "c"], np.array([[0, 0], [0, 2], [0, 8]], dtype=np.float32))
CONFLICT = Conflict(asked=("yes", "no"), read=("food", "sport"), message="")
EVIDENCE = Evidence(distance=3.0, relative=1.5, percentile=50.0, deficit=2.0, conflict=True)


def at(space: neighbours.PointSet, x: float, y: float):
    return space.search(np.array([[x, y]], dtype=np.float32), 2)


def test_distance_is_told_on_the_scale_of_the_observed() -> None:
    # Their leave-one-out distances are 2, 2 and 6.
    made = distance.evidence(SPACE, at(SPACE, 3, 0), None, ())
    assert made == Evidence(
        distance=3.0, relative=1.5, percentile=pytest.approx(200 / 3), deficit=0.0, conflict=False
    )
    assert made.usable


def test_the_nearests_deficit_is_in_points_and_a_conflict_is_kept() -> None:
    made = distance.evidence(SPACE, at(SPACE, 0, 0), 0.125, [CONFLICT])
    assert made.deficit == 12.5
    assert made.conflict
    assert made.distance == made.percentile == 0.0


@pytest.mark.parametrize("points", [[[0, 0]], [[1, 1], [1, 1]]])
def test_without_distances_among_the_observed_there_is_no_scale(points: list[list[int]]) -> None:
    space = neighbours.point_set("ab"[: len(points)], np.array(points, dtype=np.float32))
    made = distance.evidence(space, at(space, 3, 0), 0.0, ())
    assert math.isnan(made.relative)
    assert not made.usable


def test_features_grow_with_distance_and_have_a_row_each() -> None:
    made = distance.features([EVIDENCE, replace(EVIDENCE, relative=0.0, conflict=False)])
    np.testing.assert_allclose(made, [[math.log(2.5), 0.5, 2.0, 1.0], [0.0, 0.5, 2.0, 0.0]])
    assert distance.features([]).shape == (0, 4)
