"""Renders predictions and comparisons as text."""

from robustness.cli.render.figures import points, short
from robustness.prediction.ladder import Rung
from robustness.stats import noise
from robustness.types import Comparison, Prediction, Tier


def prediction(made: Prediction) -> str:
    """A prediction with its neighbours and conflicts."""
    lines = [f"Task: {made.task} ({made.task_source})"]
    if made.degradation is None:
        lines.append("Predicted degradation: no number")
    else:
        lines.append(
            f"{'Measured' if made.tier is Tier.MEASURED else 'Predicted'} degradation: "
            f"{made.degradation:.1f} points, "
            f"{made.coverage * 100:.0f}% interval [{made.low:.1f}, {made.high:.1f}]"
        )
        if made.noise_floor is not None:
            lines[-1] += f"; {noise.said(made.degradation, made.noise_floor)}"
    lines += [f"Evidence: {made.tier}. {made.basis}"]
    lines += [f"Conflict: {c.message}" for c in made.conflicts]
    # Conflicts of one instruction share their rewriting.
    lines += dict.fromkeys(f"Rewritten: {c.suggestion}" for c in made.conflicts if c.suggestion)
    lines.append("Nearest observed instructions:")
    lines += [
        f"  distance {n.distance:.2f} (percentile {n.percentile:.0f}), accuracy "
        f"{points(n.accuracy)}: {short(n.text)}"
        for n in made.nearest
    ]
    return "\n".join(lines)


def rung(made: Rung) -> str:
    """The prediction of one tier of evidence, in a line."""
    p = made.prediction
    if p.degradation is None:
        return f"{p.tier}, {made.calls} prompts: no number"
    return (
        f"{p.tier}, {made.calls} prompts: {p.degradation:.1f} points, "
        f"{p.coverage * 100:.0f}% interval [{p.low:.1f}, {p.high:.1f}]"
    )


def comparison(made: Comparison) -> str:
    """The prompt and both models' answers."""
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
