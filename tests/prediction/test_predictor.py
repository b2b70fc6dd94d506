from pathlib import Path

from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction.predictor import predict
from robustness.types import Example, TaskSource
from robustness.workbench import Workbench


def test_neighbours_carry_accuracy_in_points_and_their_text(workbench: Workbench) -> None:
    query = workbench.resolve("Which topic?", task="scene_topic")
    made = predict(query, workbench.catalog, k=3)
    index = workbench.index()
    for near in made.nearest:
        assert near.text == index.instructions[near.instruction_id].text
        accuracy = index.tasks["scene_topic"].accuracy(near.instruction_id)
        assert near.accuracy == 100.0 * accuracy
        assert 0.0 <= near.percentile <= 100.0
    assert len(made.nearest) == 3


def test_a_conflict_is_reported_on_user_inputs(
    tiny_engine: TransformersEngine, indexes: Path
) -> None:
    workbench = Workbench(tiny_engine, indexes=indexes)
    inputs = [Example(task="own", fields={"text": "x"}, options=("good", "bad"))]
    query = workbench.resolve("Answer yes or no.", inputs=inputs)
    made = predict(query, workbench.catalog, k=2)
    assert made.task_source is TaskSource.INPUTS
    assert made.conflicts[0].asked == ("yes", "no")
    assert all(near.task == "scene_topic" for near in made.nearest)
