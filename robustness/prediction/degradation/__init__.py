"""Predicts degradation from tiers of evidence, with intervals that are calibrated for each model.

No number is given without a calibration of the model's own, or beyond its range. The modules that
measure and fit one (`calibration`, `fitting`) are imported apart, since applying one needs no
scikit-learn.
"""

from robustness.prediction.degradation.distance import Evidence, evidence
from robustness.prediction.degradation.heldout import (
    REPORT,
    HeldOut,
    load_report,
    report,
    save_report,
)
from robustness.prediction.degradation.predictor import Calibration, Estimated
from robustness.prediction.degradation.saved_calibration import FILE, load, save
from robustness.prediction.degradation.skill import Skill

__all__ = [
    "FILE", "REPORT", "Calibration", "Estimated", "Evidence", "HeldOut", "Skill", "evidence",
    "load", "load_report", "report", "save", "save_report",
]
