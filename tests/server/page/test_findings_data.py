from pathlib import Path
from types import SimpleNamespace

import pytest

from robustness.errors import NotFoundError
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
    found = findings_data.document(workbench)
    assert found["tasks"] == [] and found["gains"] == [] and not found["card"]
    assert found["published"]
    assert {g["model"] for g in findings_data.gains()} >= {"steadfast-mini+pt-kl"}
    row = findings_data._tasks()[0]
    assert row["observed"]["low"] <= row["observed"]["accuracy"] <= row["observed"]["high"]


@pytest.mark.parametrize("value", ["value", "low", "high"])
def test_published_losses_are_points(value: str) -> None:
    assert all(-100 < row[value] < 100 for row in findings_data._published())
