from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from robustness.data import tasks
from robustness.errors import InputError, NotFoundError
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Example, Instruction, TaskSource, Tier
from robustness.workbench import Workbench

NEAR = "Name what the text is about, please."
OWN = [
    Example(task="own", fields={"text": "The soup was cold."}, options=("good", "bad")),
    Example(task="own", fields={"text": "A fine evening."}, options=("good", "bad")),
]


def test_a_bare_instruction_is_predicted_on_a_given_task(workbench: Workbench) -> None:
    made = workbench.predict("Say which topic the text has.", task="scene_topic")
    assert made.task_source is TaskSource.GIVEN
    assert len(made.nearest) == 5
    assert [n.distance for n in made.nearest] == sorted(n.distance for n in made.nearest)
    assert made.tier is Tier.DISTANCE
    assert made.degradation is None or made.low <= made.degradation <= made.high


def test_an_observed_instruction_is_at_distance_zero_and_measured(
    workbench: Workbench, observed: list[Instruction]
) -> None:
    known = next(i for i in observed if i.task == "scene_topic")
    made = workbench.predict(known.text, task="scene_topic")
    assert made.nearest[0].instruction_id == known.id
    assert made.nearest[0].distance == pytest.approx(0.0, abs=1e-2)
    assert made.tier is Tier.MEASURED
    assert made.low <= made.degradation <= made.high


def test_user_inputs_and_no_inputs_have_their_own_source(workbench: Workbench) -> None:
    assert workbench.predict("Good or bad?", inputs=OWN).task_source is TaskSource.INPUTS
    inferred = workbench.predict("Where is {name}? {story}")
    assert inferred.task_source is TaskSource.INFERRED
    assert inferred.task == "place"


def test_a_task_without_observed_instructions_gives_neighbours_and_no_number(
    workbench: Workbench,
) -> None:
    made = workbench.predict("Day or night?", task="scene_night")
    assert made.nearest
    assert made.degradation is None or made.task_source is TaskSource.INPUTS


def test_an_empty_instruction_and_a_wrong_placeholder_are_refused(workbench: Workbench) -> None:
    with pytest.raises(InputError, match="empty"):
        workbench.predict("  ", task="scene_topic")
    with pytest.raises(InputError, match=r"\{nonsense\}"):
        workbench.predict("Read {nonsense}", task="scene_topic")
    with pytest.raises(NotFoundError, match="no task"):
        workbench.predict("Where?", task="unknown")


def test_a_server_reads_no_task_file(workbench: Workbench, indexes: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    tasks.write_task(path, tasks.builtin("place"))
    strict = Workbench(workbench.engine, indexes=indexes)
    assert workbench.task(str(path)).id == "place"
    with pytest.raises(NotFoundError):
        strict.task(str(path))


def test_the_comparison_carries_the_exact_prompt_and_probabilities(workbench: Workbench) -> None:
    made = workbench.compare("Which topic?", task="scene_topic")
    shown = workbench.prompt("Which topic?", task="scene_topic", example=None)
    assert made.prompt == shown.text
    assert sum(made.answers[0].option_probabilities) == pytest.approx(1.0)
    assert made.answers[0].option in made.options


def test_comparing_own_input_needs_two_options(workbench: Workbench) -> None:
    one = Example(task="own", fields={"text": "x"}, options=("only",))
    with pytest.raises(InputError, match="at least two options"):
        workbench.compare("Which?", example=one)
    with pytest.raises(InputError, match="give a task"):
        workbench.compare("Which?")
    assert workbench.compare("Which?", example=OWN[0]).options == ("good", "bad")


def test_label_words_stand_for_the_options(workbench: Workbench) -> None:
    words = {"good": "yes", "bad": "no"}
    made = workbench.compare("Is it good?", example=OWN[0], label_words=words)
    assert made.answers[0].label_words == ("yes", "no")
    assert made.answers[0].option in ("good", "bad")


def test_a_measurement_has_intervals_and_pairs_with_the_observed(workbench: Workbench) -> None:
    seen: list[tuple[int, int]] = []
    made = workbench.measure(
        "Which topic?", task="scene_topic", limit=8, on_progress=lambda a, b: seen.append((a, b))
    )
    assert made.n == 8
    assert made.accuracy_low <= made.accuracy <= made.accuracy_high
    assert made.observed_accuracy is not None
    assert made.degradation == pytest.approx(made.observed_accuracy - made.accuracy)
    assert made.low <= made.degradation <= made.high
    assert seen[-1] == (8, 8)


def test_without_an_index_the_error_says_how_to_build_one(
    tiny_engine: TransformersEngine, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="index build"):
        Workbench(tiny_engine, indexes=tmp_path).predict("Where?", task="place")


def test_the_prompt_of_a_bare_text_needs_no_input(workbench: Workbench) -> None:
    assert workbench.prompt("Say hello.", task=None, example=None).text.startswith("Say hello.")
    with pytest.raises(InputError, match=r"\{name\}"):
        workbench.prompt("Where is {name}?", task=None, example=None)


def test_without_a_limit_the_inputs_of_the_baseline_are_measured(workbench: Workbench) -> None:
    task = tasks.builtin("scene_topic")
    measured = len(workbench.index().tasks["scene_topic"].example_ids)
    assert measured < len(task.labelled)
    made = workbench.measure("Which topic?", task="scene_topic")
    assert made.n == measured
    assert made.degradation is not None


def test_a_ladder_ends_with_what_measuring_gives(workbench: Workbench) -> None:
    """The index has few inputs, so that tier 1 comes with the second reading."""
    rungs = list(workbench.ladder(NEAR, task="scene_topic"))
    tiers = [r.prediction.tier for r in rungs]
    assert tiers[0] is Tier.DISTANCE
    assert tiers[1] is Tier.PROBES
    assert tiers[-2:] == [Tier.LABELLED, Tier.MEASURED]
    calls = [r.calls for r in rungs]
    assert calls == sorted(calls)
    plan = workbench.plan("scene_topic")
    assert (calls[0], calls[-2], calls[-1]) == (
        plan[Tier.DISTANCE], plan[Tier.LABELLED], plan[Tier.MEASURED]
    )
    assert all(a.calls + a.next_calls >= b.calls for a, b in pairwise(rungs))
    made = workbench.measure(NEAR, task="scene_topic", coverage=0.9)
    assert {r.prediction.coverage for r in rungs} == {0.9}
    last = rungs[-1].prediction
    assert (last.degradation, last.low, last.high) == (made.degradation, made.low, made.high)
    alone = workbench.predict(NEAR, task="scene_topic", probe=64)
    assert rungs[1].prediction.degradation == pytest.approx(alone.degradation, abs=1e-3)
    assert rungs[1].prediction.basis == alone.basis


def test_an_observed_instruction_is_measured_already(workbench: Workbench) -> None:
    known = next(i for i in workbench.index().instructions.values() if i.task == "scene_topic")
    (rung,) = workbench.ladder(known.text, task="scene_topic")
    assert rung.prediction.tier is Tier.MEASURED
    assert rung.next_calls == 0


def test_user_inputs_with_answers_are_a_tier_of_their_own(workbench: Workbench) -> None:
    rows = workbench.task("scene_topic").split("dev")[:4]
    named = workbench.predict("Which topic?", inputs=[replace(e, answer=None) for e in rows])
    labelled = workbench.predict("Which topic?", inputs=rows)
    assert named.task_source is labelled.task_source is TaskSource.INPUTS
    assert named.tier is Tier.PROBES
    assert labelled.tier is Tier.LABELLED
    one = workbench.predict("Which topic?", inputs=rows[:1])
    assert one.tier is Tier.PROBES
