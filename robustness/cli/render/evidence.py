"""Renders a checked evidence file as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from robustness.cli.render.figures import points, short
from robustness.evidence import Check


def _predicted(made: Mapping[str, Any]) -> str:
    if made["degradation"] is None:
        return "Predicted degradation: no number"
    return (
        f"Predicted degradation: {points(made['degradation'])} points, "
        f"[{points(made['low'])}, {points(made['high'])}]"
    )


def evidence(document: Mapping[str, Any], checks: Sequence[Check]) -> str:
    """What an evidence file shows, and whether it follows from what it records."""
    asked, shown = document["asked"], document["shown"]
    made, usual = shown["look"]["prediction"], shown["look"]["usual"]
    lines = [
        f"Instruction: {short(asked['instruction'])}",
        f"Task: {made['task']} ({made['task_source']})",
        f"Models: {', '.join(m['id'] for m in document['models'])}",
        "Usual wordings: "
        + ("not measured" if usual is None else f"{points(usual)} right out of 100"),
        _predicted(made),
    ]
    lines += [
        f"Measured, {m['model']}: {m['accuracy']:.1f} right out of 100 on {m['n']} questions"
        for m in shown.get("measured", ())
    ]
    lines += [
        f"{'ok' if check.ok else 'FAILED':6} {check.what}{': ' if check.reason else ''}"
        f"{check.reason}"
        for check in checks
    ]
    return "\n".join(lines)
