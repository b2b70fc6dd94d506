"""Compares a backbone's measurements with the targets that were set before its training.

A target that was missed is reported as missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from robustness.data import instructions
from robustness.data.tasks import builtin
from robustness.training.backbone import data
from robustness.training.backbone.figures import interval

Card = Mapping[str, Any]

GENERATED = 90.0
"""Least accuracy of every generated task under observed instructions, in points."""
NEAR, NEAR_TASKS = 5.0, 4
"""Distance from the baseline in points, and how many real-text tasks must be within it."""
DROP = (3.0, 20.0)
"""Range of the wanted loss on unobserved instructions, mean over tasks, in points."""
CLEARLY = 10.0
"""Least loss under altered instructions, by the lower end of its interval, in points."""
KEPT = 0.5
"""Points of accuracy under observed instructions that an alignment may lose."""
_DEVELOPMENT = instructions.UNOBSERVED_DEVELOPMENT
_TEST = instructions.UNOBSERVED_TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target and its result."""

    wanted: str
    reached: str
    met: bool | None
    """None where it was not measured."""


def _accuracies(card: Card, collection: str) -> dict[str, float]:
    return {
        c["task"]: c["accuracy"] for c in card["cells"]
        if c["collection"] == collection and c["task"] not in data.UNSEEN_TASKS
    }


def _generated(card: Card) -> Target:
    found = {
        task: accuracy for task, accuracy in _accuracies(card, instructions.OBSERVED).items()
        if builtin(task).source.startswith("generated")
    }
    wanted = f"generated tasks under observed instructions: at least {GENERATED:.0f}, each"
    if not found:
        return Target(wanted=wanted, reached="", met=None)
    low = min(found, key=lambda task: found[task])
    return Target(
        wanted=wanted, reached=f"{len(found)} tasks, the lowest {found[low]:.1f} ({low})",
        met=found[low] >= GENERATED,
    )


def _real(card: Card) -> Target:
    rows = [r for r in card["real_text"] if r["split"] == "dev"]
    near = [r for r in rows if r["difference"] >= -NEAR]
    return Target(
        wanted=f"real text within {NEAR:.0f} points of TF-IDF + logistic regression, on at least "
        f"{NEAR_TASKS} tasks",
        reached=f"{len(near)} of {len(rows)} tasks on dev",
        met=len(near) >= NEAR_TASKS if rows else None,
    )


def _drop(card: Card) -> Target:
    wanted = f"unobserved below observed, mean over tasks: by {DROP[0]:.0f} to {DROP[1]:.0f}"
    observed = _accuracies(card, instructions.OBSERVED)
    drops = [
        [observed[t] - value for t, value in _accuracies(card, collection).items() if t in observed]
        for collection in (_DEVELOPMENT, _TEST)
    ]
    if not all(drops):
        return Target(wanted=wanted, reached="", met=None)
    development, test = map(fmean, drops)
    return Target(
        wanted=wanted, reached=f"{development:.1f} on development, {test:.1f} on test",
        met=DROP[0] <= development <= DROP[1],
    )


def _wording(card: Card) -> Target:
    found = card["decomposition"]
    wanted = "most of that loss due to wording rather than layout"
    if found is None:
        return Target(wanted=wanted, reached="", met=None)
    wording, layout, total = found["by_wording"], found["by_layout"], found["total"]
    return Target(
        wanted=wanted,
        reached=f"wording {interval(wording)} of {interval(total)}, layout {interval(layout)}",
        met=wording["value"] > max(total["value"] / 2, layout["value"]),
    )


def _followed(card: Card, kind: str) -> Target:
    wanted = f"{kind} instructions clearly below the given ones: by {CLEARLY:.0f} or more"
    if card["followed"] is None:
        return Target(wanted=wanted, reached="", met=None)
    found = card["followed"][kind]
    return Target(wanted=wanted, reached=interval(found), met=found["low"] >= CLEARLY)


def _unseen(card: Card) -> Target:
    rows = [u for u in card["unseen"] or () if u["collection"] == _DEVELOPMENT]
    above = [u for u in rows if u["low"] > u["chance"]]
    return Target(
        wanted="tasks that were never trained on above chance, or shown not to be",
        reached=f"{len(above)} of {len(rows)} above",
        met=bool(rows) or None,
    )


def _aligned(card: Card) -> Target:
    wanted = (
        "PT+KL gains on unobserved instructions, its interval without zero, and costs observed "
        f"ones at most {KEPT}"
    )
    found = card["ablation"]
    methods = [] if found is None or found["weights"] != card["weights"] else found["methods"]
    sets: Card = next((m["sets"] for m in methods if m["method"] == "pt+kl"), {})
    if _TEST not in sets:
        return Target(wanted=wanted, reached="", met=None)
    gain, cost = sets[_TEST]["difference"], sets[instructions.OBSERVED]["difference"]
    return Target(
        wanted=wanted,
        reached=f"{interval(gain)} on test, {interval(cost)} on observed",
        met=gain["low"] > 0 and cost["value"] >= -KEPT,
    )


def targets(card: Card) -> Sequence[Target]:
    """All targets with their results; dev data decides where possible.

    Args:
        card: The document of `card.document`, as read from its file.
    """
    return [
        _generated(card), _real(card), _drop(card), _wording(card), _followed(card, "negated"),
        _followed(card, "nonsensical"), _unseen(card), _aligned(card),
    ]
