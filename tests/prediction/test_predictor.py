from pathlib import Path

from robustness.data.user_instruction import instruction
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction.degradation import user_inputs
from robustness.prediction.predictor import Predictor
from robustness.types import Example, TaskSource, TaskType
from robustness.workbench import Workbench


def test_neighbours_carry_accuracy_in_points_and_their_text(workbench: Workbench) -> None:
    predictor = Predictor(
        workbench.engine, workbench.original, workbench.index(), workbench.calibration(), 3
    )
    made = predictor.on_task(
        instruction("Which topic?", TaskType.MC, "scene_topic"), workbench.task("scene_topic")
    )
    index = workbench.index()
    for near in made.nearest:
        assert near.text == index.instructions[near.instruction_id].text
        accuracy = index.tasks["scene_topic"].accuracy(near.instruction_id)
        assert near.accuracy == 100.0 * accuracy
        assert 0.0 <= near.percentile <= 100.0
    assert len(made.nearest) == 3


def test_a_conflict_is_reported_on_own_inputs(
    tiny_engine: TransformersEngine, indexes: Path
) -> None:
    workbench = Workbench(tiny_engine, indexes=indexes)
    inputs = [Example(task="own", fields={"text": "x"}, options=("good", "bad"))]
    read = user_inputs.read(tiny_engine, workbench.original, workbench.index(), inputs)
    predictor = Predictor(
        tiny_engine, workbench.original, workbench.index(), workbench.calibration(), 2
    )
    made = predictor.on_inputs(instruction("Answer yes or no.", TaskType.BC, None), read)
    assert made.task_source is TaskSource.INPUTS
    assert made.conflicts[0].asked == ("yes", "no")
    assert all(near.task == "scene_topic" for near in made.nearest)
