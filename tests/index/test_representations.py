import numpy as np
import pytest

from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import InputError, NotFoundError
from robustness.index import representations
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction, TaskType


def instruction(text: str) -> Instruction:
    return Instruction(text=text, collection="test", task_type=TaskType.QA)


def test_an_instruction_lies_at_the_mean_over_its_inputs(
    tiny_engine: TransformersEngine, topics: Task
) -> None:
    one = instruction("Which topic?")
    inputs = topics.split("dev")[:3]
    vector = representations.read_on(tiny_engine, "tiny-llama", [one], inputs).mean()
    readings = tiny_engine.read("tiny-llama", [prompts.fill(one, e) for e in inputs])
    mean = np.mean([r.representation for r in readings], axis=0)
    assert vector.shape == (1, 32)
    np.testing.assert_allclose(vector[0], mean, atol=1e-4)


def test_no_inputs_are_an_error(tiny_engine: TransformersEngine) -> None:
    with pytest.raises(InputError, match="no inputs"):
        representations.read_on(tiny_engine, "tiny-llama", [instruction("Which?")], [])
    with pytest.raises(NotFoundError):
        representations.model_info(tiny_engine, "other")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Read it.\n\nStory: {story}\nQuestion: Where is {name}?\nAnswer:",
         "Read it.\nQuestion: Where is ?\nAnswer:"),
        ("Pick the topic.\nOptions: {options}\n{text}\nThe letter is",
         "Pick the topic.\nAnswer:"),
        ("Where is {name}? {story}", "Where is ?\nAnswer:"),
        ("Name the topic.", "Name the topic.\nAnswer:"),
    ],
)
def test_alone_an_instruction_has_neither_input_nor_layout(text: str, wanted: str) -> None:
    assert representations.alone_text(instruction(text)) == wanted
