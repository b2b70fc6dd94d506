"""Values as plain text for a terminal.

Refuses to compute: it writes down what the library found, in points.
"""

from collections.abc import Mapping, Sequence

from robustness import tasks
from robustness.advice import Phrase, Rewording
from robustness.backbone.train import Progress
from robustness.collections.sources import Receipt
from robustness.degradation import HeldOut, Skill
from robustness.scoring import Summary
from robustness.types import Comparison, Prediction
from robustness.upkeep import IndexCard


def _short(text: str, width: int = 72) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _points(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def prediction(made: Prediction) -> str:
    """A prediction with its neighbours and conflicts."""
    lines = [f"Task: {made.task} ({made.task_source})"]
    if made.degradation is None:
        lines.append("Predicted degradation: no number")
    else:
        lines.append(
            f"Predicted degradation: {made.degradation:.1f} points, "
            f"{made.coverage * 100:.0f}% interval [{made.low:.1f}, {made.high:.1f}]"
        )
    lines += [f"Evidence: {made.tier}. {made.basis}"]
    lines += [f"Conflict: {c.message}" for c in made.conflicts]
    lines.append("Nearest observed instructions:")
    lines += [
        f"  distance {n.distance:.2f} (percentile {n.percentile:.0f}), accuracy "
        f"{_points(n.accuracy)}: {_short(n.text)}"
        for n in made.nearest
    ]
    return "\n".join(lines)


def advised(rows: Sequence[Rewording], phrases: Sequence[Phrase]) -> str:
    """Rewordings, least predicted loss first, and what each phrase moves."""
    lines = ["Rewordings, predicted loss in points:"]
    for row in rows:
        p = row.prediction
        number = "no number" if p.degradation is None else (
            f"{p.degradation:.1f} [{p.low:.1f}, {p.high:.1f}]"
        )
        lines.append(f"  {number}, {row.source}: {_short(row.text)}")
    if phrases:
        lines.append("Distance to the nearest observed with each phrase minus without it:")
        lines += [f"  {p.moved:+.2f}  {_short(p.text)}" for p in phrases]
    return "\n".join(lines)


def comparison(made: Comparison) -> str:
    """Both models' answers under the prompt that they saw."""
    lines = ["Prompt:", *(f"  {line}" for line in made.prompt.splitlines()), ""]
    for answer in made.answers:
        chances = ", ".join(
            f"{option} {chance * 100:.1f}%"
            for option, chance in zip(made.options, answer.option_probabilities, strict=True)
        )
        lines.append(f"{answer.model}: {answer.option} ({chances})")
    if len(made.answers) > 1:
        lines.append("They agree." if made.agree else "They disagree.")
    return "\n".join(lines)


def cards(made: Sequence[IndexCard]) -> str:
    """Indexes and calibrations."""
    lines = []
    for card in made:
        lines += [
            f"{card.model}: {card.instructions} observed instructions, {card.created}",
            f"  {card.folder}",
            f"  revision {card.spec.revision}, prefix {card.spec.prefix or 'none'}, "
            f"layer {card.spec.layer}, position {card.spec.position}",
        ]
        lines += [f"  {task}: observed accuracy {_points(v)}" for task, v in card.tasks.items()]
        if not card.calibrated:
            lines.append("  not calibrated: neighbours and distances only")
        lines += [f"  calibrated ({name}): {_skill(s)}" for name, s in card.calibrated.items()]
    return "\n".join(lines)


def _skill(s: Skill) -> str:
    gain = s.intervals.get("gain")
    doubt = "" if gain is None else f" [{gain[0]:.1f}, {gain[1]:.1f}]"
    return (
        f"n = {s.n}, mean error {s.mae:.1f} points (constant {s.mae_constant:.1f}, distance alone "
        f"{s.mae_distance:.1f}; gain {s.gain:.1f}{doubt}), Spearman {_number(s.spearman)}, within "
        f"tasks {_number(s.spearman_within)}, AUROC {_number(s.auroc)}, coverage "
        f"{s.coverage * 100:.0f}%, width {s.width:.1f}{'' if s.shown else '; no skill shown'}"
    )


def held_out(made: Mapping[str, Sequence[HeldOut]]) -> str:
    """Predictions against what came out, a line a tier and type of task."""
    lines = []
    for model, rows in made.items():
        lines.append(model)
        lines += [
            f"  {r.tier}, {r.task_type}: n = {r.n}, abstained {r.abstained}, coverage "
            f"{_share(r.coverage)} [{_share(r.coverage_low)}, {_share(r.coverage_high)}], width "
            f"{_points(r.width)}, mean error {_points(r.mae)} (constant {_points(r.mae_constant)})"
            for r in rows
        ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.0f}%"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def summary(made: Summary) -> str:
    """What became of a table."""
    return f"{made.out}: {made.rows} rows, {made.errors} of them with an error"


def imported(made: Receipt) -> str:
    """What an import took, and every entry that it left out."""
    types = ", ".join(f"{count} {name}" for name, count in made.by_type.items())
    lines = [f"{made.out}: {made.taken} of {made.entries} entries taken ({types or 'none'})"]
    lines += [f"  left out: {entry.where}: {entry.reason}" for entry in made.left]
    lines += [f"  changed: {entry.where}: {entry.what}" for entry in made.changes]
    return "\n".join(lines)


def training(made: Progress) -> str:
    """How far a training is: loss, speed, and accuracy on its batches by type and by group."""
    kinds: dict[str, list[float]] = {}
    for name, accuracy in made.accuracy.items():
        if name in tasks.builtin_names():
            kinds.setdefault(str(tasks.builtin(name).task_type), []).append(accuracy)
    by_type = ", ".join(f"{k} {100 * sum(v) / len(v):.1f}" for k, v in sorted(kinds.items()))
    by_group = ", ".join(f"{name} {100 * a:.0f}" for name, a in made.accuracy.items())
    return (
        f"step {made.step} of {made.steps}: loss {made.loss:.3f}, "
        f"{made.tokens_per_second:.0f} tokens/s; accuracy {by_type} ({by_group})"
    )
