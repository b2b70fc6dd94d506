"""The commands that train and compare, on the embedded backbone at a small size."""

import os
from pathlib import Path

import pytest

from robustness import cli
from robustness.storage import files

pytestmark = pytest.mark.slow


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert not ended.value.code


def test_it_is_trained_on_altered_instructions(backbone: Path, tmp_path: Path) -> None:
    run(
        "alterations", "train", "--tasks", "scene_topic", "--held-out", "scene_night",
        "--instances", "4", "--seeds", "1", "--limit", "4", "--epochs", "1",
        "--versions", "original,empty", "--out", str(tmp_path),
    )
    assert (tmp_path / "records.parquet").is_file() and (tmp_path / "report.html").is_file()


@pytest.mark.timeout(900)
@pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
def test_methods_of_alignment_are_compared_on_it(backbone: Path, tmp_path: Path) -> None:
    run(
        "ablation", "--methods", "pt+kl", "--seeds", "1", "--steps", "2", "--inputs", "2",
        "--out", str(tmp_path),
    )
    summary = files.read_json(tmp_path / "summary.json")
    assert [m["method"] for m in summary["methods"]] == ["pt+kl"]
    assert summary["weights"] == files.file_hash(backbone / "model.safetensors")
    assert summary["best_input_prefix"]["method"] == "pt+kl"
