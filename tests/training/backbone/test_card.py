from pathlib import Path

import numpy as np
import pytest

from robustness import paths
from robustness.data import instructions
from robustness.data.tasks import builtin
from robustness.models.evaluator import accuracy, evaluate
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.training.backbone import card, card_markdown

pytestmark = pytest.mark.slow


def _tables(share: float) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(0)
    names = [("place", "QA"), ("scene_topic", "MC"), ("food", "QA")]
    return {
        (name, instructions.UNOBSERVED_TEST): rng.random((5, card.INPUTS)) < share
        for name, _ in names
    }


def test_accuracies_are_those_of_the_tables_with_intervals_around() -> None:
    tables = _tables(0.7)
    for cell in card.cells(tables):
        correct = tables[cell.task, cell.collection]
        assert cell.accuracy == pytest.approx(100 * correct.mean())
        assert cell.low < cell.accuracy < cell.high
        assert cell.worst == pytest.approx(100 * correct.mean(axis=1).min())
        assert cell.chance < 50


def test_a_gain_is_paired_and_means_over_tasks() -> None:
    original = _tables(0.6)
    aligned = {key: value | (np.arange(card.INPUTS) % 10 == 0) for key, value in original.items()}
    rows = {g.task_type: g for g in card.gains("aligned", original, aligned)}
    assert set(rows) == {"all", "QA", "MC"}
    expected = 100 * np.mean([aligned[k].mean() - original[k].mean() for k in original])
    assert rows["all"].value == pytest.approx(expected)
    assert 0 < rows["all"].low < expected < rows["all"].high
    assert rows["all"].tasks == 3


def test_the_card_shows_every_figure_and_says_what_was_not_measured(backbone: Path) -> None:
    tables = _tables(0.7)
    gained = card.gains("aligned", tables, tables)
    document = card.document(card.cells(tables), gained, [], backbone)
    text = card_markdown.markdown(files.plain(document))
    for cell in card.cells(tables):
        assert f"{cell.accuracy:.1f} [{cell.low:.1f}, {cell.high:.1f}]" in text
    assert "| aligned | unobserved-test | all | 3 | +0.0 [+0.0, +0.0] |" in text
    assert "food (never trained)" in text
    assert "Not measured: the corpora were not there." in text
    assert "| BC | not measured" in text


def test_answers_under_the_observed_instructions_are_better_than_chance(backbone: Path) -> None:
    engine = TransformersEngine(backbone, prefixes={})
    model = engine.models()[0].id
    tables = card.measure(engine, model, sets=(instructions.OBSERVED,), limit=16)
    cells = {c.task: c for c in card.cells(tables, limit=16)}
    assert "food" not in cells
    for task in ("place", "colour", "scene_topic", "scene_indoors"):
        assert cells[task].inputs == 16
        assert cells[task].accuracy > 85


def test_the_shipped_card_is_of_the_shipped_weights_and_sets(backbone: Path) -> None:
    document = files.read_json(backbone / "card.json", schema=card.SCHEMA)
    assert document["weights"] == files.file_hash(backbone / "model.safetensors")
    for name, digest in document["instruction_sets"].items():
        assert digest == files.file_hash(paths.INSTRUCTIONS / f"{name}.jsonl")
    assert (backbone / "CARD.md").read_text(encoding="utf-8") == card_markdown.markdown(document)


def test_the_shipped_weights_reach_what_the_shipped_card_says(backbone: Path) -> None:
    document = files.read_json(backbone / "card.json", schema=card.SCHEMA)
    said = {(c["task"], c["collection"]): c for c in document["cells"]}
    engine = TransformersEngine(backbone, prefixes={})
    observed = instructions.builtin(instructions.OBSERVED)
    for name in ("giver", "scene_mood", "subjectivity", "question_type"):
        examples = builtin(name).split("test")[: card.INPUTS]
        chosen = [i for i in observed if i.task == name]
        records = evaluate(engine, engine.models()[0].id, chosen, examples)
        cell = said[name, instructions.OBSERVED]
        assert cell["low"] <= 100 * accuracy(records) <= cell["high"]
