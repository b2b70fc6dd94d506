"""`backbone/card.py`: what stands beside the weights, from figures made by hand."""

from pathlib import Path

import pytest

from robustness import provenance, storage
from robustness.backbone import card, recipe
from robustness.backbone.card import Cell, Gain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    storage.write_json(
        tmp_path / "training.json",
        {
            "schema": 1, "recipe": recipe.load("ci"), "seconds": 120.0, "tokens": 1_500_000,
            "parameters": 2_340_000, "provenance": provenance.collect(schema=1, seed=1),
        },
    )
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def cell(task: str, task_type: str, accuracy: float, std: float | None) -> Cell:
    return Cell(
        task=task, task_type=task_type, collection="observed", instructions=1, inputs=8,
        accuracy=accuracy, low=accuracy - 3.5, high=accuracy + 2.5, std=std, worst=12.5,
        chance=25.0,
    )


CELLS = [cell("place", "QA", 71.25, None), cell("object", "QA", 61.25, 4.75)]
GAIN = Gain(
    model="m+p", collection="observed", task_type="QA", tasks=2, value=-1.5, low=-2.25, high=0.5
)
REAL = {"task": "polarity", "backbone": 70.5, "baseline": 75.25, "inputs": 200, "train": 9000}


def test_what_is_written_is_the_document_and_its_markdown(folder: Path) -> None:
    made = card.document(CELLS, [GAIN], [REAL], folder)
    card.write(folder, made)
    read = storage.read_json(folder / "card.json", schema=card.SCHEMA)
    assert read == storage.plain(made)
    assert read["weights"] == storage.file_hash(folder / "model.safetensors")
    assert (folder / "CARD.md").read_text(encoding="utf-8") == card.markdown(read)


def test_every_figure_is_shown_and_what_is_undefined_is_not_measured(folder: Path) -> None:
    text = card.markdown(storage.plain(card.document(CELLS, [GAIN], [REAL], folder)))
    assert "2.34 million parameters" in text
    assert "2 minutes (1.5 million tokens" in text
    assert "| place | observed | 1 | 71.2 [67.8, 73.8] | not measured | 12.5 | 25.0 |" in text
    assert "| object | observed | 1 | 61.2 [57.8, 63.8] | 4.8 | 12.5 | 25.0 |" in text
    assert "| QA | 66.2 | not measured | not measured |" in text
    assert "| MC | not measured | not measured | not measured |" in text
    assert "| m+p | observed | QA | 2 | -1.5 [-2.2, +0.5] |" in text
    assert "| polarity | 70.5 | 75.2 | 200 |" in text
    assert "Not measured: the corpora" not in text
