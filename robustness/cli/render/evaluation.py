"""Renders the plan and the results of an evaluation as text."""

from robustness.cli.render.left import left_out
from robustness.evaluation.defaults import OTHER_WORDS
from robustness.evaluation.study import Outcome, Plan, other_words
from robustness.stats import noise


def plan(made: Plan, *, models: int) -> str:
    """The number of prompts of a planned evaluation."""
    lines = [
        f"{made.calls(models)} prompts: {len(made.parts)} tasks and conditions, {models} models"
    ]
    lines += [
        f"  {part.task.id}, {part.condition.label}: {len(part.instructions)} instructions x "
        f"{len(part.examples)} inputs"
        for part in made.parts
    ]
    return "\n".join([*lines, *left_out(made.left, "summary.json")])


def outcome(made: Outcome) -> str:
    """The results of an evaluation by group of tasks, and their files."""
    lines = [f"{made.calls} prompts read now, {made.known} known from before"]
    for row in made.study.groups:
        sides = [
            f"{name} {side.value:.1f} [{side.low:.1f}, {side.high:.1f}]"
            for name, side in (("observed", row.observed), ("unobserved", row.unobserved))
            if side is not None
        ]
        lines.append(
            f"  {row.model}, {row.condition}, {row.group} ({row.tasks} tasks): {', '.join(sides)}"
        )
    lines += [
        f"  {row.model} minus {made.study.models[0]}, {row.condition}, {row.task}, {row.set}: "
        f"{row.difference.value:+.1f} [{row.difference.low:.1f}, {row.difference.high:.1f}]"
        f"{_floor(row.difference.value, row.noise_floor)}"
        for row in made.study.differences if row.task == "all"
    ]
    few = other_words.found(made.study.sets)
    lines += [f"  {other_words.sentence(row)}" for row in few]
    lines += [OTHER_WORDS] if few else []
    lines += left_out(made.study.left, "summary.json")
    return "\n".join([*lines, *(f"written: {made.folder}/{name}" for name in made.files)])


def _floor(difference: float, floor: float | None) -> str:
    if floor is None:
        return ""
    return f", {noise.said(difference, floor)}"
