"""Renders quantiles of accuracy over instructions as text."""

from robustness.cli.render.figures import short
from robustness.evaluation.prompteval.runner import BudgetReport

_STOPPED = {
    "width": "every interval is as narrow as asked",
    "budget": "the budget is spent",
    "complete": "every cell was asked",
}


def budget(made: BudgetReport) -> str:
    """Quantiles of accuracy over instructions, with the worst and the best instruction."""
    q = made.found
    lines = [
        f"{made.task}, {made.model}: {len(made.instructions)} instructions, {made.inputs} inputs",
        f"{q.asked} of {q.cells} cells asked ({100 * q.asked / q.cells:.0f}%), {made.called} of "
        f"them now: {_STOPPED.get(q.stopped, q.stopped)}",
        f"Accuracy over instructions, {100 * q.coverage:.0f}% intervals:",
    ]
    lines += [
        f"  {100 * row.level:.0f}%: {row.value:.1f} [{row.low:.1f}, {row.high:.1f}]"
        for row in q.quantiles
    ]
    lines.append(f"  mean: {q.mean.value:.1f} [{q.mean.low:.1f}, {q.mean.high:.1f}]")
    ordered = sorted(zip(q.accuracies, made.instructions, strict=True))
    lines += [f"  lowest, {a:.1f}: {short(t)}" for a, t in ordered[:3]]
    lines += [f"  highest, {a:.1f}: {short(t)}" for a, t in ordered[-3:]]
    return "\n".join(lines)
