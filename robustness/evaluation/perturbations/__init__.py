"""The perturbation suite of [S1] and [S2]: how much a model uses an instruction at all.

The instruction is altered (simplified, negated, replaced by nonsense and so on), and the accuracy
under each alteration is compared with that under the original.
"""

from robustness.evaluation.defaults import INPUTS as LIMIT
from robustness.evaluation.perturbations.kinds import Alteration, Kind, Material, Suite, make
from robustness.evaluation.perturbations.measure import (
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
