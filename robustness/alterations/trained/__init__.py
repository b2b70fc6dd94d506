"""The training experiment of [S2]: models trained on altered instructions, beside the original.

Refuses to serve a model: trained copies live in memory while they are tested.
"""

from robustness.alterations.trained.experiment import Outcome, plan_of, train
from robustness.alterations.trained.plan import Outline, Plan
from robustness.alterations.trained.values import Recipe, Trained, Version

__all__ = ["Outcome", "Outline", "Plan", "Recipe", "Trained", "Version", "plan_of", "train"]
