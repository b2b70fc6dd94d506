"""Compares a calibration's predictions with measurements on instructions it was not fitted to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.predictor import RULE, Calibration, Estimated, Point
from robustness.prediction.degradation.support import Judge
from robustness.stats.intervals import wilson
from robustness.storage import files, provenance

ALL = "all"
REPORT = "held-out.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Errors and coverage of one tier on one task type; degradations in points."""

    tier: str
    """A key of `Calibration.skills`."""
    task_type: str
    """A task type, or `all`."""
    n: int
    """Number of measured instructions."""
    abstained: int
    """Number of these for which the predictor abstained."""
    coverage: float | None
    """Share in [0, 1] of the others that lie in their interval; None where there are none."""
    coverage_low: float | None
    coverage_high: float | None
    """Wilson interval, 95%."""
    width: float | None
    """Mean width of the intervals."""
    mae: float | None
    """Mean absolute error."""
    mae_constant: float | None
    """Mean absolute error of always predicting the mean degradation of the calibration set."""
    prompts: float | None = None
    """Mean number of inputs read under the stopping rule; None for a tier, which has its own."""


def report(
    calibration: Calibration, points: Sequence[Point], types: Mapping[str, str],
    judge: Judge | None = None,
) -> list[HeldOut]:
    """Computes one row per tier and task type, `all` first.

    Args:
        calibration: A calibration that was fitted to other instructions.
        points: The measured instructions.
        types: Task -> its task type.
        judge: What tells instructions from foreign texts, for which there is no number; None: the
            distance alone decides.
    """
    constant = float(np.mean([p.degradation for p in calibration.points]))
    said = [_estimates(calibration, p, judge) for p in points]
    rows = []
    for tier in calibration.skills:
        for kind in (ALL, *sorted({types[p.task] for p in points})):
            chosen = [
                (made[tier], p.degradation)
                for made, p in zip(said, points, strict=True)
                if kind in (ALL, types[p.task])
            ]
            read = [e.inputs for e, _ in chosen if tier == RULE and e.degradation is not None]
            kept = [
                (e.degradation, e.low, e.high, measured)
                for e, measured in chosen
                if e.degradation is not None
            ]
            values = np.array(kept, dtype=np.float64).reshape(len(kept), 4)
            value, low, high, measured = values.T
            inside = int(conformal.inside(measured, low, high).sum())
            share = wilson(inside, len(kept)) if kept else None
            rows.append(
                HeldOut(
                    tier=tier,
                    task_type=kind,
                    n=len(chosen),
                    abstained=len(chosen) - len(kept),
                    coverage=None if share is None else share.value,
                    coverage_low=None if share is None else share.low,
                    coverage_high=None if share is None else share.high,
                    width=float((high - low).mean()) if kept else None,
                    mae=float(np.abs(measured - value).mean()) if kept else None,
                    mae_constant=float(np.abs(measured - constant).mean()) if kept else None,
                    prompts=float(np.mean(read)) if read else None,
                )
            )
    return rows


def _estimates(
    calibration: Calibration, point: Point, judge: Judge | None
) -> dict[str, Estimated]:
    """Every tier's prediction for a measured instruction; an abstention where it looks foreign."""
    made = calibration.estimates(point)
    if judge is None:
        return made
    for name, (source, clues, seen) in calibration.cases(point).items():
        if not judge.inside(source, point.text, point.task, clues, seen):
            made[name] = replace(
                made[name], degradation=None, low=None, high=None, in_support=False
            )
    return made


def save_report(rows: Sequence[HeldOut], folder: Path, index_digest: str) -> Path:
    """Writes `held-out.json` beside the calibration."""
    path = folder / REPORT
    document = {
        "schema": SCHEMA,
        "index_digest": index_digest,
        "rows": list(rows),
        "provenance": provenance.collect(schema=SCHEMA),
    }
    files.write_json(path, document)
    return path


def load_report(folder: Path, index_digest: str) -> list[HeldOut]:
    """Reads the report of an index; empty where there is none, or it belongs to another index.

    Raises:
        CorruptFileError, MismatchError: The file is malformed, or of another version.
    """
    path = folder / REPORT
    if not path.is_file():
        return []
    document = files.read_json(path, schema=SCHEMA)
    with files.well_formed(path):
        if document["index_digest"] != index_digest:
            return []
        return TypeAdapter(list[HeldOut]).validate_python(document["rows"])
