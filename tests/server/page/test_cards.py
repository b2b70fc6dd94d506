from dataclasses import replace

from robustness import suggestions
from robustness.suggestions import Phrase
from robustness.workbench import Workbench
from server.job_files import Job, State
from server.page import cards


def test_what_a_person_typed_is_escaped_everywhere(workbench: Workbench) -> None:
    typed = '<img src=x onerror="alert(1)"> which topic?'
    made = workbench.predict(typed, task="scene_topic")
    shown = cards.prompt(workbench.prompt(typed, task="scene_topic", example=None))
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "<img" not in cards.history([[typed, "scene_topic", "no number", "food", ""]])
    neighbour = replace(made.nearest[0], text=typed)
    assert "<img" not in cards.nearest(replace(made, nearest=(neighbour,)))


def test_a_prediction_shows_number_interval_and_basis(workbench: Workbench) -> None:
    made = workbench.predict("Which topic?", task="scene_topic")
    shown = cards.prediction(replace(made, degradation=-4.25, low=-12.0, high=8.0, in_support=True))
    assert "−4.2 points" in shown
    assert "90% interval [−12.0, +8.0]" in shown
    assert "distance alone (weakest evidence)" in shown
    assert made.basis.split(".")[0] in shown


def test_no_number_is_said_and_never_invented(workbench: Workbench) -> None:
    made = workbench.predict("Which topic?", task="scene_topic")
    shown = cards.prediction(
        replace(made, degradation=None, low=None, high=None, in_support=False)
    )
    assert "No number" in shown
    assert "points" not in shown.split("Evidence")[0]
    assert "Farther from every observed instruction" in shown


def test_a_conflict_warns_and_suggests(workbench: Workbench) -> None:
    made = workbench.predict("Answer yes or no.", task="scene_topic")
    shown = cards.prediction(made)
    assert "Label conflict." in shown
    assert made.conflicts[0].suggestion.split()[0] in shown


def test_option_bars_are_as_wide_as_the_probabilities(workbench: Workbench) -> None:
    made = workbench.compare("Which topic?", task="scene_topic")
    shown = cards.options(made, 0)
    for probability in made.answers[0].option_probabilities:
        assert f"width:{100 * probability:.1f}%" in shown
    assert "There is one model only." in cards.agreement(made)


def test_agreement_names_both_choices(workbench: Workbench) -> None:
    made = workbench.compare("Which topic?", task="scene_topic")
    first = made.answers[0]
    other = replace(first, model="other", option="sport")
    shown = cards.agreement(replace(made, answers=(first, other), agree=first.option == "sport"))
    assert first.option in shown
    assert "sport" in shown


def test_a_measurement_without_a_baseline_has_no_loss(workbench: Workbench) -> None:
    made = workbench.measure("Which topic?", task="scene_topic")
    assert f"on {made.n} labelled inputs" in cards.measurement(made)
    bare = replace(made, degradation=None, low=None, high=None, observed_accuracy=None)
    assert "No baseline" in cards.measurement(bare)
    assert "not measured" in cards.measurement(bare)


def test_marked_phrases_are_escaped_and_in_order() -> None:
    text = "<b>Now</b> say, which topic"
    phrases = [
        Phrase(start=0, end=10, text=text[:10], moved=2.0),
        Phrase(start=11, end=15, text=text[11:15], moved=-1.0),
    ]
    shown = cards.moved(text, phrases)
    assert "<b>" not in shown
    assert shown.index("sf-away") < shown.index("sf-towards")
    assert "--share:50%" in shown
    assert "a single phrase" in cards.moved("Topic?", [])


def test_rewordings_show_prediction_source_and_text(workbench: Workbench) -> None:
    rows = suggestions.rewordings(workbench, "Which topic?", task="scene_topic")
    shown = cards.rewordings(rows)
    assert shown.count("<tr>") == len(rows) + 1
    assert rows[0].source in shown
    assert "No rewording" in cards.rewordings([])


def test_a_job_shows_progress_and_what_went_wrong() -> None:
    job = Job(
        id="ab", name="<mine>.csv", state=State.FAILED, rows=4, done=1, calls=9, bad_rows=1,
        created="2026-01-01T00:00:00+00:00", error="the device is lost",
    )
    shown = cards.job(job)
    assert "&lt;mine&gt;.csv" in shown
    assert "1 of 4 rows" in shown
    assert "25%" in shown
    assert "the device is lost" in shown
    assert "No job yet" in cards.job(None)
