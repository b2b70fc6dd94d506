"""The probe suite of [S1] and [S2] for one instruction: how much a model uses it at all.

Refuses to judge an instruction: it shows what is left when its meaning is taken away.
"""

from robustness.evaluation.perturbations.kinds import Alteration, Kind, Material, Suite, make
from robustness.evaluation.perturbations.measure import (
    LIMIT,
    Probed,
    Probes,
    Reliance,
    probe,
    random_guess,
)
from robustness.evaluation.perturbations.negation import negate
from robustness.evaluation.perturbations.suites import of_tasks

__all__ = [
    "LIMIT", "Alteration", "Kind", "Material", "Probed", "Probes", "Reliance",
    "Suite", "make", "negate", "of_tasks", "probe", "random_guess",
]
