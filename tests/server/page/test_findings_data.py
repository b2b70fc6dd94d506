from pathlib import Path
from types import SimpleNamespace

import pytest

from robustness import paths
from robustness.errors import NotFoundError
from robustness.storage import files
from robustness.workbench import Workbench
from server.page import findings_data


def test_skills_say_which_evidence_and_how_much(workbench: Workbench) -> None:
    rows = findings_data.skills(workbench)
    calibration = workbench.calibration()
    assert calibration is not None
    given = {n for n in calibration.tiers if n.startswith("given, ")}
    assert len(rows) == len(given)
    assert ("distance", None) in {(r["kind"], r["inputs"]) for r in rows}
    assert all(r["inputs"] for r in rows if r["kind"] != "distance")


def test_without_a_calibration_there_is_no_skill() -> None:
    def missing() -> None:
        raise NotFoundError("no index")

    bench = SimpleNamespace(calibration=missing, held_out=missing)
    assert findings_data.skills(bench) == []
    assert findings_data.held_out(bench) == []


def test_the_shipped_study_is_shown_of_the_shipped_model_alone(
    workbench: Workbench, backbone: Path
) -> None:
    found = findings_data.document(workbench, None)
    assert found["tasks"] == [] and found["gains"] == [] and not found["card"]
    assert found["published"]


@pytest.mark.parametrize(
    ("folder", "default"),
    [(paths.BACKBONE, "steadfast-mini+pt-kl"),
     (paths.TUNED, "steadfast-smollm2+lora-kl")],
)
def test_a_model_that_ships_has_its_own_figures(
    folder: Path, default: str, workbench: Workbench
) -> None:
    found = findings_data.document(workbench, folder)
    assert found["card"] and default in {g["model"] for g in found["gains"]}
    row = found["tasks"][0]["observed"]
    assert row["low"] <= row["accuracy"] <= row["high"]
    cells = files.read_json(folder / "card.json")["cells"]
    assert row["accuracy"] == cells[0]["accuracy"]


@pytest.mark.parametrize("value", ["value", "low", "high"])
def test_published_losses_are_points(value: str) -> None:
    assert all(-100 < row[value] < 100 for row in findings_data._published())
