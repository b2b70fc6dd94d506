"""The figures of the tabs *Findings* and *About*, read from shipped files. Does not measure."""

from functools import cache
from typing import TYPE_CHECKING, Any

from robustness import paths
from robustness.errors import RobustnessError
from robustness.storage import files
from robustness.types import TaskSource
from server.page.findings_views import PUBLISHED

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_HELD_OUT = "unobserved-test"
_OBSERVED = "observed"


@cache
def _card() -> dict[str, Any]:
    """The embedded backbone's measured card; empty where it does not ship."""
    path = paths.BACKBONE / "card.json"
    found: dict[str, Any] = files.read_json(path) if path.is_file() else {}
    return found


def gains() -> list[dict[str, Any]]:
    """What each shipped alignment gains on held-out instructions of all tasks, in points."""
    return [
        {name: row[name] for name in ("model", "value", "low", "high")}
        for row in _card().get("gains", ())
        if row["collection"] == _HELD_OUT and row["task_type"] == "all"
    ]


def _tasks() -> list[dict[str, Any]]:
    """Accuracy by task under observed and held-out instructions, in points, with intervals."""
    cells = {(r["task"], r["collection"]): r for r in _card().get("cells", ())}
    return [
        {
            "task": task,
            **{
                key: {name: cells[task, collection][name] for name in ("accuracy", "low", "high")}
                for key, collection in (("observed", _OBSERVED), ("unobserved", _HELD_OUT))
            },
        }
        for task in dict.fromkeys(t for t, _ in cells)
        if (task, _OBSERVED) in cells and (task, _HELD_OUT) in cells
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


def document(workbench: "Workbench") -> dict[str, Any]:
    """Everything that the two tabs show.

    Raises:
        EngineError: The model is not loaded.
    """
    own = workbench.original == paths.BACKBONE_ID
    return {
        "published": _published(), "tasks": _tasks() if own else [],
        "gains": gains() if own else [], "skills": skills(workbench),
        "held_out": held_out(workbench), "model": workbench.original, "card": own,
    }
