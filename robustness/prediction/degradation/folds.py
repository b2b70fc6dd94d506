"""Divides the calibration set into folds that never split a cluster of near-duplicates."""

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from robustness.errors import InputError
from robustness.prediction.degradation.conformal import Split


def splits(groups: npt.NDArray[np.int64], count: int, seed: int) -> list[Split]:
    """Folds in which every row is held out once and no cluster is divided.

    Args:
        groups: (N,) cluster of each row.
        count: Number of folds; fewer where there are fewer clusters.
        seed: Seed of the assignment of clusters to folds.

    Raises:
        InputError: There are fewer than two clusters.
    """
    found = len(np.unique(groups))
    if found < 2:
        raise InputError(f"calibration needs at least two clusters of instructions, found {found}")
    folds = GroupKFold(min(count, found), shuffle=True, random_state=seed)
    return list(folds.split(groups, groups=groups))
