"""The card of a tuned model: its gates from made-up figures, and all of it on a tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from robustness import cli
from robustness.data import instructions
from robustness.data.tasks import builtin
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files, provenance
from robustness.training.tuning import card, gates, recipe
from robustness.training.tuning.gates import QUESTIONS
from robustness.training.tuning.gates import gates as gates_of

DEVELOPMENT, TEST = instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 4, "high": value + 4}


def document(**changed: Any) -> dict[str, Any]:
    """A card's figures, with which every gate is met."""
    def real(task: str, difference: float) -> dict[str, Any]:
        return {"task": task, "split": "test", "difference": difference, "low": difference - 3,
                "high": difference + 3, "backbone": 80.0, "baseline": 85.0, "inputs": 9}

    made: dict[str, Any] = {
        "weights": "abc",
        "real_text": [
            real(t, -4.0) for t in ("polarity", "subjectivity", "pros_cons", "language", "rte")
        ] + [real("question_type", -9.0)],
        "cells": [
            {"task": "place", "collection": "observed", "accuracy": 96.0, "low": 94.0,
             "high": 97.0},
            {"task": "food", "collection": "observed", "accuracy": 10.0, "low": 5.0, "high": 15.0},
            {"task": "polarity", "collection": "observed", "accuracy": 70.0, "low": 65.0,
             "high": 75.0},
        ],
        "reading": {"lost": {str(k): figure(30.0) for k in gates.ALTERED}},
        "decomposition": {"total": figure(9.0), "by_wording": figure(8.0),
                          "by_layout": figure(3.0)},
        "unseen": [
            {"task": t, "collection": DEVELOPMENT, "accuracy": a, "low": a - 5, "high": a + 5,
             "chance": 25.0}
            for t, a in (("food", 40.0), ("scene_night", 60.0), ("scene_tense", 20.0))
        ],
        "free": [
            {"task_type": "all", "collection": c, "answers": 200, "unparsed": u}
            for c, u in (("observed", 2.0), (DEVELOPMENT, 10.0), (TEST, 14.0))
        ],
        "chat": [
            {"question": q, "reply": f"It is {(words or 'nice').split('|')[0]}."}
            for q, words in QUESTIONS.items()
        ],
        "ablation": {"weights": "abc", "methods": [
            {"method": "pt+kl", "sets": {TEST: {"difference": figure(2.0)},
                                         "observed": {"difference": figure(0.0)}}},
            {"method": "lora+kl", "sets": {TEST: {"difference": figure(6.0)},
                                           "observed": {"difference": figure(-0.4)}}},
        ]},
    }
    return made | changed


def test_every_gate_is_met_by_what_reaches_it() -> None:
    found = gates_of(document())
    assert all(g.met for g in found) and len(found) == 13
    assert "5 of 6: question_type -9.0 [-12.0, -6.0]" in found[0].reached
    assert found[-2].reached == "5 of 5"


MISSED: list[tuple[int, dict[str, Any], str]] = [
    (0, {"real_text": document()["real_text"][1:]}, "4 of 5"),
    (1, {"cells": [document()["cells"][0] | {"accuracy": 94.0}]}, "(place), 1.0 short"),
    (3, {"reading": {"lost": {str(k): figure(10.0) for k in gates.ALTERED}}},
     "10.0 [6.0, 14.0], 15.0 short"),
    (6, {"decomposition": document()["decomposition"] | {"total": figure(17.5)}},
     "layout 3.0 [-1.0, 7.0], 2.5 outside"),
    (6, {"decomposition": document()["decomposition"] | {"by_wording": figure(2.0)}}, "9.0"),
    (7, {"unseen": document()["unseen"][::2]}, "1 of 2: food 40.0 [35.0, 45.0] (chance 25.0)"),
    (8, {"free": [document()["free"][0] | {"unparsed": 7.0}]}, "93.0 [88.6, 95.8], 2.0 short"),
    (11, {"chat": [t | {"reply": "person"} for t in document()["chat"][:6]]}, "0 of 3, 4 short"),
    (12, {"ablation": {"weights": "abc", "methods": document()["ablation"]["methods"][:1]}},
     "pt+kl +2.0 [-2.0, +6.0] on test"),
]


@pytest.mark.parametrize(("number", "changed", "reached"), MISSED)
def test_a_gate_that_is_missed_says_by_how_much(
    number: int, changed: dict[str, Any], reached: str
) -> None:
    gate = gates_of(document(**changed))[number]
    assert gate.met is False and reached in gate.reached


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    nothing = dict.fromkeys(("reading", "decomposition", "unseen", "free", "chat", "ablation"))
    found = gates_of(document(real_text=[], cells=[], **nothing))
    assert all(g.met is None and not g.reached for g in found)
    # An ablation of other weights says nothing of these.
    other = gates_of(document(weights="def"))[-1]
    assert other.met is None and not other.reached


def test_tasks_share_inputs_within_stories_and_within_scenes() -> None:
    names = ("place", "object", "scene_mood", "scene_topic", "polarity")
    found = {k: [t.id for t in v] for k, v in gates.sharing([builtin(n) for n in names]).items()}
    assert found == {
        "place": ["object"], "object": ["place"], "scene_mood": ["scene_topic"],
        "scene_topic": ["scene_mood"],
    }


@pytest.mark.slow
def test_reading_is_measured_with_the_instructions_of_tasks_on_the_same_inputs(
    backbone: Path,
) -> None:
    engine = TransformersEngine(backbone, prefixes={})
    tasks = [builtin("scene_mood"), builtin("scene_topic"), builtin("polarity")]
    found = gates.read_loss(engine, engine.models()[0].id, tasks, limit=8)
    assert [(t.task, t.beside) for t in found.tasks] == [
        ("scene_mood", ("scene_topic",)), ("scene_topic", ("scene_mood",)),
    ]
    for task in found.tasks:
        assert task.accuracy["given"] == 100
    means = [100 - t.accuracy["nonsensical"] for t in found.tasks]
    assert found.lost["nonsensical"].value == pytest.approx(sum(means) / 2)
    engine.close()


@pytest.fixture
def tuned(tiny_llama: Path, tmp_path: Path) -> Path:
    """A tiny model with the record of a tuning."""
    out = tmp_path / "tiny-tuned"
    AutoModelForCausalLM.from_pretrained(tiny_llama).save_pretrained(out)
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(out)
    files.write_json(
        out / "training.json",
        {
            "schema": 1, "recipe": recipe.load("ci"), "seconds": 90.0, "tokens": 1_500_000,
            "base": "0123456789abcdef", "parameters": 60_000, "tuned": 20_000,
            "provenance": provenance.collect(schema=1, seed=0),
        },
    )
    return out


@pytest.mark.slow
def test_the_command_measures_a_tuned_model_and_says_at_the_top_what_is_missed(
    tuned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEADFAST_DATA", raising=False)
    monkeypatch.setattr(card.quality, "trained_tasks", lambda: [
        builtin(n) for n in ("scene_mood", "scene_topic")
    ])
    with pytest.raises(SystemExit) as ended:
        cli.main(["backbone", "card", "--model", str(tuned), "--inputs", "1", "--json"])
    assert not ended.value.code
    made = json.loads(capsys.readouterr().out)
    assert len(made["chat"]) == len(QUESTIONS) and set(made["reading"]["lost"]) == {
        "nonsensical", "empty", "incorrect", "negated"
    }
    text = (tuned / "CARD.md").read_text()
    top = text.partition("## Is the instruction read?")[0]
    assert "right where the answer is known | " in top and "short | missed" in top
    assert "What is the capital of France?" in text and "## Recipe" in text
    with pytest.raises(SystemExit) as ended:
        cli.main(["backbone", "card", "--model", str(tuned), "--refresh"])
    assert not ended.value.code
    assert (tuned / "CARD.md").read_text() == text


def test_the_embedded_backbone_is_no_tuned_one(
    backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not card.is_tuned(backbone)
    with pytest.raises(SystemExit) as ended:
        cli.main(["backbone", "card", "--inputs", "3"])
    assert ended.value.code == 2 and "--inputs is for" in capsys.readouterr().err
