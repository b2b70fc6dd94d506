"""The ablation of alignment (Table 5 of [S1]): several methods and seeds on the same data."""

from robustness.training.ablation.plan import Ablation, Subject
from robustness.training.ablation.run import HELD_OUT_FILE, run

__all__ = ["HELD_OUT_FILE", "Ablation", "Subject", "run"]
