import pytest

from robustness import wording
from robustness.errors import InputError
from robustness.types import Example
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
