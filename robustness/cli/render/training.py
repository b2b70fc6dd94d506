"""Renders the progress and results of training as text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustness.cli.render.left import left_out
from robustness.data import tasks
from robustness.stats import interval_text
from robustness.training.backbone.train import Progress
from robustness.training.perturbed.experiment import Outcome
from robustness.training.perturbed.plan import Outline


def training(made: Progress) -> str:
    """Progress of a training: loss, speed, and accuracy on its batches by type and group."""
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


def difference(record: Mapping[str, Any], folder: Path) -> str:
    """Size of a difference, and what it loses against the tuned model's own weights.

    Args:
        record: What `difference.make` returns.
        folder: The folder that it was written to.
    """
    loss = record["loss"]
    changed, lost = loss.changed, loss.lost
    form = record["form"] + (f" {record['rank']}" if record["rank"] else "")
    return "\n".join(
        [
            f"{form}: {record['bytes'] / 1e6:.1f} MB",
            f"relative error of the difference {100 * loss.weights:.2f}%, of its worst matrix "
            f"{100 * loss.worst_weights:.2f}%",
            f"{loss.answers} development answers: log-probabilities of options change by "
            f"{loss.logprobs:.2g} nats on average, {loss.worst_logprobs:.2g} at most; "
            f"{interval_text.with_bounds(changed.value, changed.low, changed.high)}% of answers "
            "change",
            f"accuracy {loss.accuracy:.1f}, lost by the difference "
            f"{interval_text.with_bounds(lost.value, lost.low, lost.high, interval_text.CHANGE)}",
            f"written: {folder}",
        ]
    )


def training_plan(made: Outline) -> str:
    """The plan of an experiment with perturbed training instructions."""
    lines = [
        f"{made.trainings} trainings of {made.updates} updates in all, {made.answers} answers to "
        "generate"
    ]
    lines += [
        f"  {row.task}, {row.setting}: "
        + (f"{row.training} inputs to train on, " if row.training else "")
        + f"{row.tested} to test"
        for row in made.tasks
    ]
    return "\n".join([*lines, *left_out(made.left, "summary.json")])


def trained(made: Outcome) -> str:
    """Exact match of every version, and the files of tables and plot."""
    lines = [f"{made.trained} models trained or tested now, {made.known} known from before"]
    for guess in made.found.guesses:
        lines.append(f"{guess.setting}, exact match: random guess {guess.exact:.1f}")
        for row in made.found.rows:
            if row.setting is guess.setting:
                name = f"{row.version}, {row.instances} inputs" if row.instances else "not trained"
                lines.append(
                    f"  {name}, {row.tested}: {row.exact.value:.1f} "
                    f"[{row.exact.low:.1f}, {row.exact.high:.1f}]"
                )
    lines += left_out(made.found.left, "summary.json")
    return "\n".join([*lines, *(f"written: {made.folder}/{name}" for name in made.files)])
