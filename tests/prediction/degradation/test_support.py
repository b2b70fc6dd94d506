"""Foreign texts are told from instructions: on the shipped backbone, with its calibration."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robustness import paths
from robustness.data import foreign, instructions
from robustness.data.foreign import Part
from robustness.models import packaged, sentence_encoder
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import basis
from robustness.prediction.degradation import judging
from robustness.prediction.degradation.support import Judge
from robustness.prediction.degradation.wordings import FOREIGN, Known, Wordings, wording
from robustness.types import Abstention, Reliance, TaskSource
from robustness.workbench import Workbench

ROOT = Path(__file__).parents[3]
FREE = [
    "Write me a poem about the sea.", "What should I cook tonight?", "asdf qwer zxcv",
    "Translate the following sentence into French.", "Fasse den Artikel zusammen.",
    "Solve the equation for x.", "Who won the match yesterday?", "12 3 %%% 77 ##",
]


ALIKE = ["Summarise the text in one sentence.", "Name a good film."]
"""No instructions for a task of the index, in words that those have."""
VALID = [
    ("Where can {name} be found? {story}", "place"),
    ("Is the reviewer positive or negative about the film?", "polarity"),
    ("What mood is it? {text}", "scene_mood"),
]


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(TransformersEngine(str(paths.BACKBONE), prefixes={}))


@pytest.fixture
def known() -> Wordings:
    return Wordings(
        [
            Known(text="Where is the person?", task="place", id="1"),
            Known(text="In which room is the person?", task="place", id="2"),
            Known(text="Is the film good?", task="polarity", id="3"),
            Known(text="Write a poem about the sea.", task=FOREIGN, id="4"),
        ],
        {"place": ["room"], "polarity": ["positive"]},
    )


def test_a_wording_is_compared_with_its_task_with_others_and_with_foreign_texts(
    known: Wordings,
) -> None:
    mine, other, none = known.features("Where is this person?", "place")[:3]
    assert mine > 0.7 and other > 0.5 and none > 0.5
    assert known.features("Is this film good?", "place")[1] < 0
    assert known.features("Write a poem about winter.", "place")[2] < 0
    assert known.features("Where is this person?", None)[1] == 0


def test_a_known_wording_is_left_out_where_it_is_asked_for(known: Wordings) -> None:
    text = "Where is the person?"
    assert known.features(text, "place")[0] == pytest.approx(1.0)
    assert known.features(text, "place", {"1"})[0] < 0.9
    # Its characters do not make themselves probable, either.
    assert known.features(text, "place", {"1"})[7] < known.features(text, "place")[7]


def test_the_layout_of_a_template_is_no_part_of_its_wording() -> None:
    assert wording("Story: {story}\nOptions: {options}\nWhere is {name}?\nAnswer:") == "Where is ?"


@pytest.mark.parametrize("text", FREE)
def test_free_text_that_is_no_instruction_has_no_number(bench: Workbench, text: str) -> None:
    made = bench.predict(text)
    assert made.degradation is None and not made.in_support
    assert made.abstains is Abstention.FOREIGN


def test_gibberish_has_no_number_on_any_task(bench: Workbench) -> None:
    for name, part in bench.index().tasks.items():
        if part.own:
            made = bench.predict("asdf qwer zxcv", task=name)
            assert made.degradation is None and not made.in_support, name


def test_observed_like_wordings_keep_their_numbers(bench: Workbench) -> None:
    for text, task in VALID:
        made = bench.predict(text, task=task)
        assert made.degradation is not None and made.abstains is None, text


def test_what_a_task_loses_under_foreign_texts_is_told(bench: Workbench) -> None:
    made = bench.predict("Where can {name} be found? {story}", task="place")
    assert made.reliance is not None and made.reliance.texts == 20
    assert made.reliance.low <= made.reliance.loss <= made.reliance.high
    assert bench.predict("Where is she?").reliance is None


def test_a_task_that_does_not_read_its_instruction_says_so() -> None:
    found = Reliance(loss=1.2, low=-0.5, high=3.0, texts=20, inputs=32, reads=False)
    said = basis.outside(Abstention.FOREIGN, found)
    assert said.startswith("Nothing shows that the model reads the instruction")
    assert basis.unread(replace(found, reads=True)) == ""
    assert basis.outside(Abstention.FOREIGN, None) == basis.FOREIGN


def test_words_of_the_tasks_alone_make_an_instruction_where_there_is_no_encoder(
    bench: Workbench
) -> None:
    for text in ALIKE:
        assert bench.predict(text).degradation is not None, text


@pytest.fixture
def with_encoder(
    smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The sentence encoder of the shipped calibrations is installed."""
    (tmp_path / packaged.SMOLLM2.id).symlink_to(smollm2)
    monkeypatch.setattr(packaged, "cache_folder", lambda: tmp_path)
    sentence_encoder.installed.cache_clear()
    yield
    sentence_encoder.installed.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [None, "pt-kl", "lora-kl", "deep-kl"])
def test_every_shipped_calibration_has_rules_for_the_encoder(
    with_encoder: None, adapter: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    prefixes = {} if adapter is None else {adapter: paths.PREFIXES / adapter}
    opened = Workbench(TransformersEngine(str(paths.BACKBONE), prefixes=prefixes))
    model = opened.engine.models()[-1].id
    for text in FREE:
        assert opened.predict(text, model=model).abstains is Abstention.FOREIGN, text
    for text in ALIKE:
        assert opened.predict(text, model=model).abstains is Abstention.FOREIGN, text
    for text, task in VALID:
        made = opened.predict(text, task=task, model=model)
        assert made.degradation is not None, text
    assert "is not the one" not in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_held_out_foreign_texts_are_told_from_held_out_paraphrases(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, with_encoder: None
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    script: Any = importlib.import_module("foreign")
    names = [n for n, part in bench.index().tasks.items() if part.own]
    assert len(foreign.for_tasks(
        names, instructions.builtin(instructions.OBSERVED), Part.HELD_OUT, each=20
    )) >= 200
    known = [bench.task(n) for n in names]
    read = script.read(bench.engine, bench.original, known)
    plain, encoded = (
        {source: script.figures(rows) for source, rows in script.scores(read, judge).items()}
        for judge in (
            Judge(read.index, read.calibration),
            judging.judge(read.index, read.calibration, read.folder),
        )
    )
    for source in TaskSource:
        for found in (plain[source], encoded[source]):
            assert found["abstained_valid"]["n"] >= 200
            assert found["auroc_low"] >= 0.95, source
            assert found["abstained_valid"]["share"] <= 0.05, source
        refused = [found[source]["abstained_foreign"]["share"] for found in (plain, encoded)]
        assert refused[1] >= refused[0] + 0.05, source
