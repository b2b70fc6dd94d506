"""Scores answer options with a model: one technique a file, and the choice among them.

The fastest scorer that gives a model's own values is taken; `self_check.py` compares.
"""

from robustness.models.scorers.choice import Chosen, scorer_of
from robustness.models.scorers.scorer import Scorer

__all__ = ["Chosen", "Scorer", "scorer_of"]
