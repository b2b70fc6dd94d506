"""Renders indexes and calibrations as text."""

from collections.abc import Mapping, Sequence

from robustness.cli.render.figures import points
from robustness.evaluation.defaults import OTHER_WORDS
from robustness.prediction.degradation import HeldOut, Skill
from robustness.prediction.index_service import IndexCard

RECALIBRATE = (
    "a calibration measured with the index before is refused from now on; calibrate again with: "
    "python -m robustness calibrate"
)


def cards(made: Sequence[IndexCard]) -> str:
    """The content of indexes, and the accuracy of their calibrated predictions."""
    lines = []
    for card in made:
        lines += [
            f"{card.model}: {card.instructions} observed instructions, {card.created}",
            f"  {card.folder}",
            f"  revision {card.spec.revision}, prefix {card.spec.prefix or 'none'}, "
            f"layer {card.spec.layer}, position {card.spec.position}",
            f"  prompt format {card.spec.prompt_format}",
        ]
        lines += [
            f"  {task}: observed accuracy {points(v)}{_mass((card.low_mass or {}).get(task))}"
            for task, v in card.tasks.items()
        ]
        if card.refused:
            lines.append(f"  not calibrated: {card.refused}")
        elif not card.calibrated:
            lines.append("  not calibrated: neighbours and distances only")
        if card.encoder:
            lines.append(f"  wordings are compared by {card.encoder}, where it is installed")
        lines += [f"  calibrated ({name}): {_skill(s)}" for name, s in card.calibrated.items()]
    return "\n".join(lines)


def _mass(mass: float | None) -> str:
    """A remark where the model seldom answers with an option and nothing else."""
    if mass is None:
        return ""
    return (
        f"; its options have {mass:.1f}% of the probability, since the model answers in other "
        f"words. {OTHER_WORDS}"
    )


def _skill(s: Skill) -> str:
    gain = s.intervals.get("gain")
    doubt = "" if gain is None else f" [{gain[0]:.1f}, {gain[1]:.1f}]"
    return (
        f"n = {s.n}, mean error {s.mae:.1f} points (constant {s.mae_constant:.1f}, distance alone "
        f"{s.mae_distance:.1f}; gain {s.gain:.1f}{doubt}), Spearman {_number(s.spearman)}, within "
        f"tasks {_number(s.spearman_within)}, AUROC {_number(s.auroc)}, coverage "
        f"{s.coverage * 100:.0f}%{_worst(s)}, width {s.width:.1f}"
        f"{'' if s.shown else '; no skill shown'}"
    )


def _worst(s: Skill) -> str:
    task = s.worst_task
    return "" if task is None else f" (least {s.coverage_by_task[task] * 100:.0f}%, {task})"


def held_out(made: Mapping[str, Sequence[HeldOut]]) -> str:
    """Predicted against measured degradation, a line for each tier and type of task."""
    lines = []
    for model, rows in made.items():
        lines.append(model)
        lines += [
            f"  {r.tier}, {r.task_type}: n = {r.n}, abstained {r.abstained}, coverage "
            f"{_share(r.coverage)} [{_share(r.coverage_low)}, {_share(r.coverage_high)}], width "
            f"{points(r.width)}, mean error {points(r.mae)} (constant {points(r.mae_constant)})"
            f"{'' if r.prompts is None else f', {r.prompts:.0f} inputs read'}"
            for r in rows
        ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.0f}%"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
