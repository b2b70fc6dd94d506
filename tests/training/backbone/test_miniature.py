"""The whole at a small size: a backbone, a prefix, an index, a calibration and a prediction."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from robustness import cli
from robustness.data import instructions
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.training.backbone import card

pytestmark = [
    pytest.mark.skipif(
        "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
    ),
    pytest.mark.timeout(900),
    pytest.mark.slow,
]


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert not ended.value.code


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone by the preset ci."""
    folder = tmp_path_factory.mktemp("whole") / "mini"
    run("backbone", "train", "--preset", "ci", "--out", str(folder))
    return folder


def test_it_beats_chance_by_fifteen_points(miniature: Path) -> None:
    engine = TransformersEngine(miniature, prefixes={})
    tables = card.measure(
        engine, engine.models()[0].id, sets=(instructions.OBSERVED,), limit=16
    )
    cells = card.cells(tables, limit=16)
    assert len(cells) == 14
    assert np.mean([c.accuracy - c.chance for c in cells]) > 15


def test_it_goes_through_alignment_index_calibration_and_prediction(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(miniature)]
    prefix = tmp_path / "pt-kl"
    run("align", *model, "--out", str(prefix), "--steps", "4")
    assert files.read_json(prefix / "training.json")["steps"] == 4
    kept = [*model, "--prefix", str(prefix), "--indexes", str(tmp_path / "indexes")]
    run("index", "build", *kept, "--tasks", "scene_topic,place")
    run("calibrate", *kept, "--tasks", "scene_topic,place")
    capsys.readouterr()
    asked = "What is the topic of the sentence? {text}"
    run("predict", asked, "--task", "scene_topic", *kept, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["tier"] == "probes"
    assert found["low"] <= found["degradation"] <= found["high"]
    assert found["nearest"][0]["distance"] >= 0
