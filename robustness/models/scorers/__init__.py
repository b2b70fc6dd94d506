"""Scorers: compute the log-probabilities of answer options; one technique in each file.

`choice.py` takes the fastest scorer that gives the same values as plain forward calls of the model,
which `self_check.py` compares.
"""

from robustness.models.scorers.choice import Chosen, scorer_of
from robustness.models.scorers.scorer import Scorer

__all__ = ["Chosen", "Scorer", "scorer_of"]
