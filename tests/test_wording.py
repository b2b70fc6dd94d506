from collections.abc import Iterator
from pathlib import Path

import pytest

from robustness import wording
from robustness.data import instructions
from robustness.errors import InputError
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Example, TaskSource, Tier
from robustness.wording import Asked
from robustness.workbench import Workbench

ASKED = Asked(instruction="{text}\nName the topic, please.", task="scene_topic")


def test_a_look_has_the_prediction_the_baseline_the_guess_and_the_prompt(
    workbench: Workbench,
) -> None:
    made = wording.look(workbench, ASKED)
    assert made.prediction == workbench.predict(ASKED.instruction, task="scene_topic")
    assert made.chance == pytest.approx(20.0)
    first = workbench.task("scene_topic").labelled[0]
    assert first.fields["text"] in made.prompt.text


def test_answers_are_those_of_a_comparison_on_each_question(workbench: Workbench) -> None:
    made = wording.answers(workbench, ASKED, count=3)
    assert len(made.questions) == 3
    for answer in made.questions:
        alone = workbench.compare(
            ASKED.instruction, task="scene_topic", example=answer.example, models=made.models
        )
        assert answer.comparison.answers[0].option == alone.answers[0].option


def test_an_own_question_without_options_has_a_prompt_and_no_answers(
    workbench: Workbench,
) -> None:
    own = Example(task="own", fields={"text": "It barks."}, options=())
    asked = Asked(instruction="Name the topic.", inputs=(own,))
    assert "It barks." in wording.look(workbench, asked).prompt.text
    with pytest.raises(InputError, match="two options"):
        wording.answers(workbench, asked)


def test_a_measurement_needs_a_task(workbench: Workbench) -> None:
    with pytest.raises(InputError, match="choose a task"):
        list(wording.rungs(workbench, Asked(instruction="Name the topic.")))


@pytest.fixture(scope="module")
def shipped(backbone: Path) -> Iterator[Workbench]:
    """The embedded backbone with its index."""
    engine = TransformersEngine(backbone, prefixes={})
    yield Workbench(engine)
    engine.close()


def test_a_first_number_is_the_calibrated_one_of_the_text_alone(shipped: Workbench) -> None:
    known = instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT)[::4]
    found = [wording.first(shipped, Asked(instruction=i.text, task=i.task)) for i in known]
    told = [(i, made) for i, made in zip(known, found, strict=True) if made is not None]
    assert len(told) > len(known) / 4
    for instruction, made in told:
        prediction = made.prediction
        assert (prediction.task, prediction.tier) == (instruction.task, Tier.DISTANCE)
        assert prediction.task_source is TaskSource.INFERRED
        assert prediction.low <= prediction.degradation <= prediction.high
        whole = wording.look(shipped, Asked(instruction=instruction.text, task=instruction.task))
        assert (made.usual, made.chance, made.prompt) == (whole.usual, whole.chance, whole.prompt)


def test_there_is_no_first_number_of_another_task_or_of_what_was_measured(
    shipped: Workbench,
) -> None:
    observed = instructions.builtin(instructions.OBSERVED)
    measured = next(i for i in observed if i.task == "place")
    assert wording.first(shipped, Asked(instruction=measured.text, task="place")) is None
    foreign = "Is the mood of the scene glad, sad, calm or angry?"
    assert wording.first(shipped, Asked(instruction=foreign, task="place")) is None
    assert wording.first(shipped, Asked(instruction=foreign)) is None
