"""Measures a predictor's skill: its errors on unseen instructions, against simple baselines."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from robustness.prediction.degradation.skill import Skill

Floats = npt.NDArray[np.float64]
LARGE = 5.0
"""Degradation in points above which a loss counts as large, for AUROC."""
_DRAWS = 400
_LEVEL = 0.95


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

    @cache  # a few tasks are drawn in few ways
    def figures(picked: tuple[int, ...]) -> dict[str, float | None]:
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

    value = figures(tuple(range(len(by_task))))
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in value}
    for _ in range(_DRAWS if len(by_task) > 1 else 0):
        picked = rng.integers(len(by_task), size=len(by_task))
        for name, found in figures(tuple(picked.tolist())).items():
            if found is not None:
                drawn[name].append(found)
    tail = (1 - _LEVEL) / 2
    intervals = {
        name: (float(np.quantile(found, tail)), float(np.quantile(found, 1 - tail)))
        for name, found in drawn.items()
        if found and value[name] is not None
    }
    return Skill(
        n=len(measured), clusters=clusters, width=width, intervals=intervals,
        coverage_by_task={str(names[rows[0]]): float(inside[rows].mean()) for rows in by_task},
        **value,  # type: ignore[arg-type]
    )
