import json
from pathlib import Path

import pytest

from robustness import cli
from robustness.prediction import degradation
from robustness.prediction.degradation.predictor import Estimated, Point
from robustness.types import TaskSource, Tier
from robustness.workbench import Workbench


def test_coverage_and_errors_are_of_the_rows_with_a_number(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = workbench.calibration()
    assert calibration is not None

    def said(self: object, point: Point) -> dict[str, Estimated]:
        number = None if point.text == "far" else 10.0
        made = Estimated(
            degradation=number, low=None if number is None else 5.0,
            high=None if number is None else 15.0, in_support=number is not None,
            tier=Tier.DISTANCE, inputs=0, skill=None,
        )
        return dict.fromkeys(calibration.skills, made)

    monkeypatch.setattr(type(calibration), "estimates", said)
    points = [
        Point(instruction_id=text, text=text, task=task, degradation=loss, evidence={})
        for text, task, loss in (("a", "x", 12.0), ("b", "x", 30.0), ("far", "y", 99.0))
    ]
    rows = degradation.report(calibration, points, {"x": "BC", "y": "QA"})
    tier = f"{TaskSource.GIVEN}, distance"
    every, binary, answers = (r for r in rows if r.tier == tier)
    assert (every.task_type, every.n, every.abstained, every.coverage) == ("all", 3, 1, 0.5)
    assert every.mae == pytest.approx((2 + 20) / 2)
    assert every.width == 10.0
    assert every.coverage_low < 0.5 < every.coverage_high
    assert (binary.task_type, binary.n, binary.abstained) == ("BC", 2, 0)
    assert (answers.task_type, answers.abstained, answers.coverage) == ("QA", 1, None)


def test_the_command_reports_every_tier_and_keeps_what_came_out(
    tiny_llama: Path, indexes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = tmp_path / "pool.jsonl"
    rows = [
        {
            "text": f"{verb} the topic.", "task": "scene_topic", "task_type": "MC",
            "collection": "mine", "observed": False,
        }
        for verb in ("Find", "Guess")
    ]
    pool.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    asked = ["calibrate", "--held-out", "--unobserved", str(pool), "--model", str(tiny_llama)]
    with pytest.raises(SystemExit) as done:
        cli.main([*asked, "--indexes", str(indexes), "--json"])
    assert done.value.code == 0
    made = json.loads(capsys.readouterr().out)["tiny-llama"]
    assert {r["n"] for r in made if r["task_type"] == "all"} == {2}
    assert any("labelled" in r["tier"] for r in made)
    kept = next(indexes.glob("*/original/held-out.json"))
    assert json.loads(kept.read_text())["rows"] == made
    loaded = degradation.load_report(kept.parent, "another index")
    assert loaded == []
