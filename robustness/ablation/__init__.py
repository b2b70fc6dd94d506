"""The ablation of alignment: methods and seeds trained on the same data and measured alike."""

from robustness.ablation.plan import Ablation, Subject
from robustness.ablation.run import run

__all__ = ["Ablation", "Subject", "run"]
