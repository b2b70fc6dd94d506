"""The figures of the tabs *Findings* and *About*, read from shipped files. Does not measure."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustness.data import defaults
from robustness.errors import RobustnessError
from robustness.storage import files
from robustness.types import TaskSource
from server.page import shipped
from server.page.findings_views import PUBLISHED

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_SETS = {"observed": defaults.OBSERVED, "unobserved": defaults.UNOBSERVED_TEST}
"""What the figures call a collection -> its name."""


def _tasks(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy by task under observed and held-out instructions, in points, with intervals."""
    cells = {(r["task"], r["collection"]): r for r in card.get("cells", ())}
    return [
        {
            "task": task,
            **{
                key: {name: cells[task, collection][name] for name in ("accuracy", "low", "high")}
                for key, collection in _SETS.items()
            },
        }
        for task in dict.fromkeys(t for t, _ in cells)
        if all((task, collection) in cells for collection in _SETS.values())
    ]


@cache
def _published() -> list[dict[str, Any]]:
    """What a new wording costs the published models, in points, without artefacts."""
    try:
        table = PUBLISHED["fig2b"].table()
    except RobustnessError:
        return []
    found = [(r.name, r.figures["without_artefacts"]) for r in table.rows]
    return [
        {"name": name, "value": f.value, "low": f.low, "high": f.high} for name, f in found
    ]


def _evidence(name: str) -> dict[str, Any]:
    """The kind of evidence that a tier's name tells, and the number of inputs, if it counts."""
    number, _, kind = name.partition(" ")
    if not number.isdigit():
        return {"kind": name, "inputs": None}
    return {"kind": "probes" if kind.startswith("un") else "labelled", "inputs": int(number)}


def skills(workbench: "Workbench") -> list[dict[str, Any]]:
    """How good the predictions on a named task are, a row for each kind of evidence."""
    try:
        found = workbench.calibration()
    except RobustnessError:
        found = None
    if found is None:
        return []
    start = f"{TaskSource.GIVEN}, "
    return [
        {
            **_evidence(name.removeprefix(start)), "n": t.skill.n, "error": t.skill.mae,
            "constant": t.skill.mae_constant, "coverage": t.skill.coverage,
            "width": t.skill.width, "shown": t.skill.shown,
        }
        for name, t in found.tiers.items()
        if name.startswith(start)
    ]


def held_out(workbench: "Workbench") -> list[dict[str, Any]]:
    """How good they were on held-out instructions, over all types of task."""
    try:
        rows = workbench.held_out()
    except RobustnessError:
        return []
    plain: list[dict[str, Any]] = files.plain(rows)
    start = f"{TaskSource.GIVEN}, "
    return [
        r | _evidence(r["tier"].removeprefix(start))
        for r in plain
        if r["tier"].startswith(start)
    ]


def document(workbench: "Workbench", folder: Path | None) -> dict[str, Any]:
    """Everything that the two tabs show.

    Args:
        workbench: Of the model that is served.
        folder: Folder of what ships of it; None: nothing does.

    Raises:
        EngineError: The model is not loaded.
    """
    return {
        "published": _published(), "tasks": _tasks(shipped.card(folder)),
        "gains": shipped.gains(folder), "skills": skills(workbench),
        "held_out": held_out(workbench), "model": workbench.original, "card": folder is not None,
    }
