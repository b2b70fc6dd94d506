from dataclasses import replace

import pytest

from robustness.errors import EngineError
from robustness.evaluation import perturbations
from robustness.evaluation.perturbations import Kind, Probes
from robustness.workbench import Workbench
from server.page import alterations_panel
from server.page.alterations_panel import AlterationsPanel


@pytest.fixture
def made(workbench: Workbench) -> Probes:
    return perturbations.probe(workbench, "Which topic?", task="scene_topic", limit=4)


def test_every_alteration_is_shown_with_its_intervals(made: Probes) -> None:
    text = alterations_panel.card(made)
    assert {row.kind for row in made.rows} | set(made.absent) == set(Kind)
    for row in made.rows:
        assert f"{row.kind}" in text
        assert f"[{row.accuracy_low:.1f}, {row.accuracy_high:.1f}]" in text
    assert f"a random guess, {made.random_guess:.1f}" in text
    assert f"on {made.n} labelled inputs of scene_topic" in text


def test_the_reliance_is_shown_with_its_intervals(made: Probes) -> None:
    text = alterations_panel.card(made).replace("−", "-")
    reliance = made.reliance
    for found in (reliance.over_simplified, reliance.over_negated, reliance.over_random_guess):
        interval = f"[{found.low:+.1f}, {found.high:+.1f}]"
        assert f'{found.value:+.1f} <span class="sf-keep">{interval}' in text


def test_what_could_not_be_made_says_why(made: Probes) -> None:
    text = alterations_panel.card(replace(made, absent={Kind.COLLECTED: "nobody <did>"}))
    assert "newly collected: nobody &lt;did&gt;" in text
    assert "Not made" not in alterations_panel.card(replace(made, absent={}))


def test_what_was_typed_is_text_and_never_markup(made: Probes) -> None:
    rows = (replace(made.rows[0], text="<img src=x>"), *made.rows[1:])
    text = alterations_panel.card(replace(made, rows=rows))
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text


def test_the_panel_measures_what_the_slider_allows(workbench: Workbench, made: Probes) -> None:
    panel = AlterationsPanel(workbench)
    waiting, result = panel.probe("Which topic?", "scene_topic", "tiny-llama", 4)
    assert "Reading" in waiting
    assert result == alterations_panel.card(made)


def test_without_instruction_or_task_it_says_what_is_missing(workbench: Workbench) -> None:
    panel = AlterationsPanel(workbench)
    assert "Type an instruction." in "".join(panel.probe(" ", "scene_topic", "tiny-llama", 4))
    own = "".join(panel.probe("Which topic?", "my own input", "tiny-llama", 4))
    assert "Choose a task" in own


def test_an_engine_that_cannot_answer_is_a_message(workbench: Workbench, monkeypatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise EngineError("the device is lost")

    monkeypatch.setattr(perturbations, "probe", lost)
    panel = AlterationsPanel(workbench)
    assert "the device is lost" in "".join(panel.probe("Which?", "scene_topic", "tiny-llama", 4))
