"""The training experiment of [S2]: models trained on altered instructions, beside the original.

Refuses to serve a model: trained copies live in memory while they are tested.
"""

from robustness.training.perturbed.experiment import Outcome, plan_of, train
from robustness.training.perturbed.plan import Outline, Plan
from robustness.training.perturbed.values import Recipe, Trained, Version

__all__ = ["Outcome", "Outline", "Plan", "Recipe", "Trained", "Version", "plan_of", "train"]
