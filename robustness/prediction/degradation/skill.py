"""Measures a predictor's skill: its errors on unseen instructions, against simple baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]
LARGE = 5.0
"""Degradation in points above which a loss counts as large, for AUROC."""
_DRAWS = 400
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Errors of cross-fitted predictions (without the instruction's cluster), in points."""

    n: int
    clusters: int
    mae: float
    mae_constant: float
    """Mean absolute error of always predicting the mean degradation."""
    mae_distance: float
    """Mean absolute error of isotonic regression on the distance, the predictor of [S1]."""
    gain: float
    """`mae_constant - mae`: positive is skill."""
    spearman: float | None
    """Rank correlation of predicted and measured degradation; None where undefined."""
    spearman_within: float | None
    """Mean over tasks of the rank correlation within a task."""
    auroc: float | None
    """AUROC of detecting losses of more than five points; None where undefined."""
    coverage: float
    """Share of measured degradations inside their interval, in [0, 1]."""
    width: float
    """Width of the interval."""
    intervals: Mapping[str, tuple[float, float]]
    """Figure -> 95% interval from resampling tasks; absent where undefined."""

    @property
    def shown(self) -> bool:
        """Whether it is significantly better than the constant: the gain's interval is above 0."""
        low, _ = self.intervals.get("gain", (float("-inf"), 0.0))
        return low > 0.0


def _rank(x: Floats, y: Floats) -> float | None:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(spearmanr(x, y).statistic)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _auroc(x: Floats, y: Floats) -> float | None:
    large = y > LARGE
    return float(roc_auc_score(large, x)) if 0 < large.sum() < len(y) else None


def measure_skill(
    *,
    tasks: Sequence[str],
    measured: Floats,
    predicted: Floats,
    constant: Floats,
    distance: Floats,
    inside: npt.NDArray[np.bool_],
    width: float,
    clusters: int,
    seed: int,
) -> Skill:
    """Computes all errors, with 95% bootstrap intervals over tasks.

    Args:
        tasks: (N,) task of each row.
        measured: (N,) measured degradations in points.
        predicted: (N,) cross-fitted predictions.
        constant: (N,) predictions by the mean of the other folds.
        distance: (N,) cross-fitted predictions by the distance alone.
        inside: (N,) whether the measured degradation lies in its interval.
        width: Width of the interval.
        clusters: Number of clusters of near-duplicate instructions.
        seed: Seed of the bootstrap.
    """
    names = np.array(tasks)

    by_task = [np.flatnonzero(names == t) for t in np.unique(names)]
    ranks = [_rank(predicted[rows], measured[rows]) for rows in by_task]

    def figures(picked: Sequence[int]) -> dict[str, float | None]:
        rows = np.concatenate([by_task[t] for t in picked])
        y, p = measured[rows], predicted[rows]
        mae, plain = np.abs(y - p).mean(), np.abs(y - constant[rows]).mean()
        return {
            "mae": float(mae),
            "mae_constant": float(plain),
            "mae_distance": float(np.abs(y - distance[rows]).mean()),
            "gain": float(plain - mae),
            "spearman": _rank(p, y),
            "spearman_within": _mean([ranks[t] for t in picked]),
            "auroc": _auroc(p, y),
            "coverage": float(inside[rows].mean()),
        }

    value = figures(range(len(by_task)))
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in value}
    for _ in range(_DRAWS if len(by_task) > 1 else 0):
        picked = rng.integers(len(by_task), size=len(by_task))
        for name, found in figures(picked.tolist()).items():
            if found is not None:
                drawn[name].append(found)
    tail = (1 - _LEVEL) / 2
    intervals = {
        name: (float(np.quantile(found, tail)), float(np.quantile(found, 1 - tail)))
        for name, found in drawn.items()
        if found and value[name] is not None
    }
    return Skill(n=len(measured), clusters=clusters, width=width, intervals=intervals, **value)  # type: ignore[arg-type]
