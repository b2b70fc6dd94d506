"""The sentence on what a prediction stands on, or on why there is no number."""

from robustness.prediction.degradation import Estimated, HeldOut, Skill
from robustness.types import Abstention, Reliance, Tier

NO_CALIBRATION = (
    "This model has no calibration, so there are neighbours and distances, and no number; measure "
    "one with: python -m robustness calibrate"
)
TOO_FAR = (
    "It lies farther from the observed instructions than any that was calibrated, so there is no "
    "number."
)

FOREIGN = (
    "By its wording and the model's answers it is no instruction for this task, so there is no "
    "number."
)


def outside(why: Abstention, reliance: Reliance | None) -> str:
    """Why there is no number; where the task does not depend on its instruction, that."""
    said = FOREIGN if why is Abstention.FOREIGN else TOO_FAR
    return unread(reliance).strip() or said


def unread(reliance: Reliance | None) -> str:
    """That the model does not read the instruction of the task; empty where it does."""
    if reliance is None or reliance.reads:
        return ""
    return (
        " Nothing shows that the model reads the instruction of this task: under "
        f"{reliance.texts} texts that are none for it, its accuracy was {reliance.loss:.1f} points "
        f"lower [{reliance.low:.1f}, {reliance.high:.1f}]."
    )


def no_baseline(task_type: str) -> str:
    """Of a task without observed instructions of its own."""
    return (
        "No observed instruction is for this task, so there is no accuracy to lose; the "
        f"neighbours are those of other {task_type} tasks."
    )


def measured(inputs: int) -> str:
    """Of an observed instruction."""
    return f"This is an observed instruction: it was measured on {inputs} inputs."


def estimated(
    made: Estimated, skill: Skill, held_out: HeldOut | None = None, coverage: float = 1.0
) -> str:
    """One sentence on a prediction's evidence, and whether it had any skill in calibration.

    Args:
        made: The prediction.
        skill: The skill of its tier.
        held_out: The same on held-out instructions; None: it was not measured.
        coverage: Nominal coverage, in [0, 1]; that the interval held less often on held-out
            instructions, beyond doubt, is said.
    """
    stands = {
        Tier.DISTANCE: "Distance to the nearest observed instruction",
        Tier.PROBES: f"Distance and answers on {made.inputs} unlabelled inputs",
        Tier.LABELLED: f"Accuracy on {made.inputs} labelled inputs, drawn towards the unlabelled",
    }[made.tier]
    verdict = "" if skill.shown else " That is no better than the constant beyond doubt."
    return (
        f"{stands}, calibrated on {skill.n} measured unobserved instructions: mean error "
        f"{skill.mae:.1f} points, {skill.mae_constant:.1f} for a constant; "
        f"{skill.coverage * 100:.0f}% lay inside their interval."
        f"{_too_narrow(held_out, coverage)}{verdict}"
    )


def _too_narrow(held_out: HeldOut | None, coverage: float) -> str:
    """That the interval does not hold as often as it promises; empty where that is not shown."""
    found = held_out
    if found is None or found.coverage is None or found.coverage_high is None:
        return ""
    if found.coverage_high >= coverage:
        return ""
    return (
        f" Of {found.n - found.abstained} held-out instructions only {found.coverage * 100:.0f}% "
        "did, so that the interval is too narrow."
    )
