"""Each opening example still shows, on the shipped models, what it was chosen for."""

import json

import pytest

from robustness import paths, wording
from robustness.evaluation.perturbations import probe
from robustness.models.adapters import shipped
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.wording import Asked
from robustness.workbench import Workbench
from server.page import head

EXAMPLES = {e["name"]: e for e in head.opening()["examples"]}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(backbone) -> Workbench:
    return Workbench(TransformersEngine(backbone, prefixes=shipped(paths.BACKBONE)))


def measured(bench: Workbench, name: str) -> tuple[Asked, dict, float, float]:
    """The wording, its look, and what is measured on the original and the aligned model."""
    asked = Asked(**EXAMPLES[name]["asked"])
    look = files.plain(wording.look(bench, asked))
    original, aligned = wording.measure(bench, asked)
    return asked, look, original.accuracy, aligned.accuracy


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_was_recorded_is_what_is_computed(bench: Workbench, name: str) -> None:
    _, look, original, aligned = measured(bench, name)
    shown = EXAMPLES[name]["shown"]
    assert look["prediction"]["degradation"] == pytest.approx(
        shown["look"]["prediction"]["degradation"], abs=0.1
    )
    assert [m["accuracy"] for m in shown["measured"]] == pytest.approx([original, aligned])
    assert json.dumps(look["map"]["ids"]) == json.dumps(shown["look"]["map"]["ids"])


def bounds(look: dict) -> tuple[float, float]:
    made = look["prediction"]
    return look["usual"] - made["high"], look["usual"] - made["low"]


def test_roundabout_breaks_the_original_and_hardly_the_aligned_model(bench: Workbench) -> None:
    _, look, original, aligned = measured(bench, "roundabout")
    assert original < look["usual"] - 40 and aligned > look["usual"] - 10
    low, high = bounds(look)
    assert low <= original <= high


def test_blank_breaks_both(bench: Workbench) -> None:
    _, look, original, aligned = measured(bench, "blank")
    assert max(original, aligned) < look["usual"] - 40


def test_chatty_is_missed_by_the_predictor(bench: Workbench) -> None:
    _, look, original, _ = measured(bench, "chatty")
    low, high = bounds(look)
    assert not low <= original <= high
    assert not look["prediction"]["conflicts"]


def test_off_topic_is_answered_as_well_without_an_instruction(bench: Workbench) -> None:
    asked, look, *_ = measured(bench, "off_topic")
    assert not look["prediction"]["reliance"]["reads"]
    made = probe(bench, asked.instruction, task=asked.task)
    empty = next(r for r in made.rows if r.kind == "empty")
    assert empty.low <= 0 <= empty.high


def test_conflict_asks_for_other_answers_and_has_a_fix(bench: Workbench) -> None:
    _, look, *_ = measured(bench, "conflict")
    (found,) = look["prediction"]["conflicts"]
    assert found["asked"] == ["True", "False"] and found["suggestion"]


def test_gibberish_gets_no_number(bench: Workbench) -> None:
    _, look, *_ = measured(bench, "gibberish")
    assert look["prediction"]["degradation"] is None
    assert not look["prediction"]["in_support"]
