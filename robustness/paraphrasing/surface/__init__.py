"""Surface perturbations: an instruction's text changed by rule, with its meaning kept.

Rules after Brittlebench (Romanou et al. 2026). Does not negate, replace or empty an instruction;
see `evaluation.perturbations`.
"""

from robustness.paraphrasing.surface.rules import (
    RULES,
    Family,
    Rule,
    chosen,
    permuted,
    perturb,
)

__all__ = ["RULES", "Family", "Rule", "chosen", "permuted", "perturb"]
