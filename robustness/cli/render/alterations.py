"""Renders measured perturbations as text."""

from robustness.cli.render.figures import short
from robustness.evaluation.perturbations import Probes
from robustness.stats.intervals import Estimate


def probes(made: Probes) -> str:
    """Accuracy under each perturbation, and the instruction reliance."""
    lines = [
        f"{made.model} on {made.n} labelled inputs of {made.task}; accuracy in points, 95% "
        f"intervals; a random guess gives {made.random_guess:.1f}",
    ]
    lines += [
        f"  {row.kind:<18} {row.accuracy:5.1f} [{row.accuracy_low:.1f}, {row.accuracy_high:.1f}], "
        f"lost {row.degradation:.1f} [{row.low:.1f}, {row.high:.1f}]  {short(row.text, 60)}"
        for row in made.rows
    ]
    lines += [f"  {kind:<18} not made: {why}" for kind, why in made.absent.items()]
    reliance = made.reliance
    lines.append("Instruction reliance, accuracy under the given instruction minus accuracy:")
    lines += [
        f"  {what}: {_interval(difference)}"
        for what, difference in (
            ("with the output space alone (simplified)", reliance.over_simplified),
            ("with the instruction negated", reliance.over_negated),
            ("of a random guess", reliance.over_random_guess),
        )
    ]
    return "\n".join(lines)


def _interval(made: Estimate) -> str:
    return f"{made.value:+.1f} [{made.low:.1f}, {made.high:.1f}]"
