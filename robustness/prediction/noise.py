"""The noise floor of a task's differences, from the answers that the observed index keeps.

It is the sampling part of `stats.noise`: no model runs. Does not ask prompts again for the
repeatability part; `evaluate` does.
"""

from functools import lru_cache

import numpy as np

from robustness.index.observed_index import TaskIndex
from robustness.stats import noise

_SEED = 0
_KEPT = 256
"""Number of tasks whose floors are remembered."""


@lru_cache(_KEPT)
def of_degradation(part: TaskIndex) -> float | None:
    """The noise floor, in points, of one instruction's degradation on the task's inputs.

    None where the task has no two observed instructions that were measured on it.
    """
    if not part.own or len(part.correct) < 2 or not part.correct.shape[1]:
        return None
    tables = [noise.from_others(part.correct)]
    return noise.floor(tables, changed=None, seed=_SEED).value


@lru_cache(_KEPT)
def of_difference(original: TaskIndex, other: TaskIndex) -> float | None:
    """The noise floor, in points, of the difference of two models under one instruction.

    None where their observed instructions were not measured on the same inputs.
    """
    same = (original.example_ids, original.space.ids) == (other.example_ids, other.space.ids)
    if not (same and original.own and other.own and original.correct.size):
        return None
    table = np.asarray(other.correct.astype(np.float64) - original.correct)
    return noise.floor([table], changed=None, seed=_SEED).value
