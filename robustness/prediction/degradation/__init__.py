"""What an unobserved instruction costs: tiers of evidence, weakest first.

Refuses to give a number without a calibration of its own, or beyond its range.
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
