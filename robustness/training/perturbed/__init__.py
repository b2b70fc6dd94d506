"""The training experiment of [S2]: compares models trained on altered and original instructions.

The trained copies are kept in memory only while they are tested.
"""

from robustness.training.perturbed.experiment import Outcome, plan_of, train
from robustness.training.perturbed.plan import Outline, Plan
from robustness.training.perturbed.values import Recipe, Trained, Version

__all__ = ["Outcome", "Outline", "Plan", "Recipe", "Trained", "Version", "plan_of", "train"]
