"""Predicts degradation from tiers of evidence, with intervals that are calibrated for each model.

No number is given without a calibration of the model's own, or beyond its range.
"""

from robustness.prediction.degradation.calibration import calibrate
from robustness.prediction.degradation.distance import Evidence, evidence
from robustness.prediction.degradation.heldout import (
    REPORT,
    HeldOut,
    load_report,
    report,
    save_report,
)
from robustness.prediction.degradation.predictor import (
    FILE,
    Calibration,
    Estimated,
    fit,
    load,
    save,
)
from robustness.prediction.degradation.skill import Skill

__all__ = [
    "FILE", "REPORT", "Calibration", "Estimated", "Evidence", "HeldOut", "Skill", "calibrate",
    "evidence", "fit", "load", "load_report", "report", "save", "save_report",
]
