"""Summarises an ablation: accuracy, paired differences, spread and distances.

Accuracies and differences are in points (0 to 100).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robustness.data import instructions
from robustness.models.adapters import Kind
from robustness.stats.intervals import BoolArray, paired_bootstrap_runs
from robustness.stats.sensitivity import worst_mean
from robustness.training.ablation.measure import Measured, Part, distance
from robustness.training.alignment.recipe import KINDS

OBSERVED = instructions.OBSERVED
DEVELOPMENT = instructions.UNOBSERVED_DEVELOPMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The measurements of one method with one seed."""

    method: str
    seed: int
    seconds: float
    """Duration of training."""
    best_step: int
    """The update that was selected on unobserved-development."""
    sets: Mapping[str, Measured]
    """Set of instructions -> measurements."""


def _standing(sets: Mapping[str, Measured], name: str) -> dict[str, float | None]:
    """Accuracy, standard deviation over instructions, worst tenth, distance, and free answers."""
    tables = [100.0 * part.correct.mean(axis=1) for part in sets[name].values()]
    deviations = [float(np.std(t, ddof=1)) for t in tables if len(t) > 1]
    return {
        "accuracy": float(np.mean([t.mean() for t in tables])),
        "std": float(np.mean(deviations)) if deviations else None,
        "worst_tenth": float(np.mean([worst_mean(t.tolist()) for t in tables])),
        "distance": None if name == OBSERVED else distance(sets[name], sets[OBSERVED]),
        "free": _free_accuracy(sets[name]),
    }


def _free_accuracy(measured: Measured) -> float | None:
    tables = [part.free for part in measured.values()]
    return float(np.mean([100.0 * t.mean() for t in tables])) if tables[0].size else None


def _mean(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    made: dict[str, float | None] = {}
    for key in rows[0]:
        values = [value for row in rows if (value := row[key]) is not None]
        made[key] = float(np.mean(values)) if values else None
    return made


def _compared(
    runs: Sequence[RunResult], original: Mapping[str, Measured], name: str
) -> dict[str, Any]:
    def moved(table: Callable[[Part], BoolArray]) -> dict[str, float]:
        found = paired_bootstrap_runs(
            [
                ([table(run.sets[name][task]) for run in runs], table(part))
                for task, part in original[name].items()
            ],
            rng=np.random.default_rng(0),
        )
        return asdict(found.points)

    standing = _mean([_standing(run.sets, name) for run in runs])
    asked = standing["free"] is not None
    return standing | {
        "difference": moved(lambda part: part.correct),
        "free_difference": moved(lambda part: part.free) if asked else None,
    }


def _method(
    runs: Sequence[RunResult], original: Mapping[str, Measured]
) -> dict[str, Any]:
    return {
        "method": runs[0].method,
        "seeds": [run.seed for run in runs],
        "sets": {name: _compared(runs, original, name) for name in original},
        "seconds": float(np.mean([run.seconds for run in runs])),
        "each": [
            {
                "seed": run.seed, "seconds": run.seconds, "best_step": run.best_step,
                "sets": {name: _compared([run], original, name) for name in original},
            }
            for run in runs
        ],
    }


def _best_input(methods: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The input prefix with the highest accuracy on unobserved-development."""
    runs = [
        {"method": m["method"], "seed": one["seed"],
         "development_accuracy": one["sets"][DEVELOPMENT]["accuracy"]}
        for m in methods if KINDS[m["method"].removesuffix("+kl")] is Kind.INPUT
        for one in m["each"]
    ]
    return max(runs, key=lambda run: run["development_accuracy"]) if runs else None


def summarise(
    original: Mapping[str, Measured], runs: Sequence[RunResult]
) -> dict[str, Any]:
    """Compares every method with the original model.

    Args:
        original: Set of instructions -> measurements of the backbone itself.
        runs: Measurements of all runs, on the same instructions and inputs.
    """
    by_method: dict[str, list[RunResult]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    methods = [_method(own, original) for own in by_method.values()]
    return {
        "original": {name: _standing(original, name) for name in original},
        "methods": methods,
        "best_input_prefix": _best_input(methods),
    }


_STANDING = ("std", "worst_tenth", "distance", "free")
COLUMNS = [
    "method", "seed", "set", "accuracy", "difference", "low", "high", "std", "std_before",
    "worst_tenth", "worst_tenth_before", "distance", "distance_before", "free", "free_before",
    "free_difference", "free_low", "free_high", "seconds", "best_step",
]


def rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The summary as table rows: one per method, seed (or `all`) and set of instructions."""
    made = []
    for method in summary["methods"]:
        everything = {"seed": "all", "best_step": ""} | method
        for one in (everything, *method["each"]):
            for name, found in one["sets"].items():
                before, moved = summary["original"][name], found["difference"]
                said = found["free_difference"] or dict.fromkeys(("value", "low", "high"))
                made.append({
                    "method": method["method"], "seed": one["seed"], "set": name,
                    "accuracy": found["accuracy"], "difference": moved["value"],
                    "low": moved["low"], "high": moved["high"],
                    **{key: found[key] for key in _STANDING},
                    **{f"{key}_before": before[key] for key in _STANDING},
                    "free_difference": said["value"],
                    "free_low": said["low"], "free_high": said["high"],
                    "seconds": one["seconds"], "best_step": one["best_step"],
                })
    return made
