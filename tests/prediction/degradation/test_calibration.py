from dataclasses import replace

import pytest

from robustness.data.tasks import Task
from robustness.errors import CancelledError, InputError
from robustness.index import observed_index, representations
from robustness.models.evaluator import accuracy, evaluate
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction.degradation import calibration, user_inputs
from robustness.types import Example, Instruction, TaskSource
from robustness.workbench import Workbench

MODEL = "tiny-llama"


@pytest.fixture
def loaded(workbench: Workbench) -> observed_index.ObservedIndex:
    return workbench.index()


def phrasing(text: str, task: Task, *, for_its_type: bool = False) -> Instruction:
    return Instruction(
        text=text, collection="mine", task_type=task.task_type, option_format="dashes",
        task=None if for_its_type else task.id,
    )


def test_what_is_measured_is_what_the_instruction_loses_in_points(
    tiny_engine: TransformersEngine,
    loaded: observed_index.ObservedIndex,
    topics: Task,
    places: Task,
) -> None:
    asked = phrasing("Find the subject of the sentence.", topics)
    (point,) = calibration.measure(tiny_engine, MODEL, loaded, [asked], [places, topics])
    alone = accuracy(evaluate(tiny_engine, MODEL, [asked], topics.split("test")))
    part = loaded.tasks[topics.id]
    assert (point.task, point.instruction_id, point.text) == (topics.id, asked.id, asked.text)
    assert point.degradation == pytest.approx(100 * (part.correct.mean() - alone))


def test_the_evidence_is_the_distance_in_each_sources_own_space(
    tiny_engine: TransformersEngine, loaded: observed_index.ObservedIndex, topics: Task
) -> None:
    asked = phrasing("Find the subject of the sentence.", topics)
    (point,) = calibration.measure(tiny_engine, MODEL, loaded, [asked], [topics])
    inputs = topics.split("dev")[: loaded.recipe.inputs]
    given = representations.read_on(tiny_engine, MODEL, [asked], inputs).mean()
    near = loaded.tasks[topics.id].space.search(given, 1)
    few = user_inputs.read(tiny_engine, MODEL, loaded, inputs)
    near_own = few.space(len(few.examples)).search(
        representations.read_on(tiny_engine, MODEL, [asked], few.examples).mean(), 1
    )
    alone = loaded.alone.search(representations.alone(tiny_engine, MODEL, [asked]), 1)
    distances = {source: clue.distance for source, clue in point.evidence.items()}
    assert distances == {
        TaskSource.GIVEN: pytest.approx(near.distances[0, 0], rel=1e-3),
        TaskSource.INPUTS: pytest.approx(near_own.distances[0, 0], rel=1e-3),
        TaskSource.INFERRED: pytest.approx(alone.distances[0, 0], rel=1e-3),
    }
    deficit = user_inputs.home_deficit(loaded, near.ids[0][0])
    assert deficit is not None
    assert point.evidence[TaskSource.GIVEN].deficit == pytest.approx(100 * deficit)


def test_what_cannot_be_compared_is_left_out_and_progress_counts_the_rest(
    tiny_engine: TransformersEngine,
    loaded: observed_index.ObservedIndex,
    topics: Task,
    places: Task,
) -> None:
    pool = [
        phrasing("Find the subject.", topics),
        phrasing("What is it about? {text}", topics, for_its_type=True),
        phrasing("Read {story} and say.", topics),
        phrasing("Which room?", places),
    ]
    borrowed = replace(loaded, tasks={
        topics.id: loaded.tasks[topics.id], places.id: replace(loaded.tasks[places.id], own=False),
    })
    seen: list[tuple[int, int]] = []
    points = calibration.measure(
        tiny_engine, MODEL, borrowed, pool, [topics, places, replace(topics, id="elsewhere")],
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert [p.instruction_id for p in points] == [pool[0].id, pool[1].id]
    assert seen == [(1, 2), (2, 2)]


def test_measuring_stops_when_it_is_asked_to(
    tiny_engine: TransformersEngine, loaded: observed_index.ObservedIndex, topics: Task
) -> None:
    pool = [phrasing("Find the subject.", topics)]
    with pytest.raises(CancelledError, match="stopped after 0"):
        calibration.measure(
            tiny_engine, MODEL, loaded, pool, [topics], should_stop=lambda: True
        )


def test_too_few_measured_instructions_are_no_calibration(
    tiny_engine: TransformersEngine, loaded: observed_index.ObservedIndex, topics: Task
) -> None:
    with pytest.raises(InputError, match="at least 10"):
        calibration.calibrate(
            tiny_engine, MODEL, loaded, [phrasing("Find the subject.", topics)], [topics]
        )


def test_user_inputs_are_compared_with_the_phrasings_that_fit_them(
    tiny_engine: TransformersEngine, loaded: observed_index.ObservedIndex
) -> None:
    example = Example(task="own", fields={"text": "The soup was cold."}, options=("good", "bad"))
    made = user_inputs.read(tiny_engine, MODEL, loaded, [example])
    fitting = {i.id for i in loaded.instructions.values() if "{story}" not in i.text}
    assert set(made.ids) == fitting < set(loaded.instructions)
    stories = {i: v for i, v in loaded.instructions.items() if i not in fitting}
    with pytest.raises(InputError, match="no observed instruction of the index fits"):
        user_inputs.read(
            tiny_engine, MODEL, replace(loaded, instructions=stories), [example]
        ).space(1)


def test_right_options_end_at_the_first_unlabelled_input() -> None:
    rows = [
        Example(task="t", fields={"text": str(n)}, options=("x", "y"), answer=answer)
        for n, answer in enumerate(("y", "x", None, "y"))
    ]
    assert calibration.right_options(rows) == [1, 0]
    assert calibration.right_options(rows[2:]) == []


def test_a_deficit_is_what_one_lacks_against_its_peers_at_home(
    loaded: observed_index.ObservedIndex,
) -> None:
    part = loaded.tasks["scene_topic"]
    for row, name in enumerate(part.space.ids):
        lacks = part.correct.mean() - part.correct[row].mean()
        assert user_inputs.home_deficit(loaded, name) == pytest.approx(lacks)
    homeless = replace(loaded, tasks={})
    assert user_inputs.home_deficit(homeless, part.space.ids[0]) is None


def test_user_inputs_are_probed_step_by_step_on_the_first_of_them(
    tiny_engine: TransformersEngine, loaded: observed_index.ObservedIndex, topics: Task
) -> None:
    asked = phrasing("Find the subject of the sentence.", topics)
    (point,) = calibration.measure(tiny_engine, MODEL, loaded, [asked], [topics])
    inputs = topics.split("dev")[: loaded.recipe.inputs]
    steps = [k for k in user_inputs.STEPS if k <= len(inputs)]
    assert list(point.own_evidence) == list(point.own_probe.features) == steps
    assert list(point.own_probe.losses) == [k for k in steps if k in user_inputs.LABELLED]
    few = user_inputs.read(tiny_engine, MODEL, loaded, inputs[:3])
    assert len(few.examples) == 2
    readings = representations.read_on(tiny_engine, MODEL, [asked], few.examples)
    made = user_inputs.evidence_on(loaded, few, readings, 2, ())
    assert made.evidence.distance == pytest.approx(point.own_evidence[2].distance, rel=1e-3)
    assert made.probe.features[2] == pytest.approx(point.own_probe.features[2], abs=1e-4)
