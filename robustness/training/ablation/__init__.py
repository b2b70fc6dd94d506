"""The ablation of alignment: methods and seeds trained on the same data and measured alike."""

from robustness.training.ablation.plan import Ablation, Subject
from robustness.training.ablation.run import HELD_OUT_FILE, run

__all__ = ["HELD_OUT_FILE", "Ablation", "Subject", "run"]
