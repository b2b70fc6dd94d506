"""What a person typed, as an instruction, and whose inputs it is for.

Refuses to know models.
"""

from collections.abc import Mapping, Sequence

from robustness.data import prompts
from robustness.errors import InputError
from robustness.types import Example, Instruction, TaskType

TYPED = "typed"


def instruction(
    text: str, task_type: TaskType, task: str | None, label_words: Mapping[str, str] | None = None
) -> Instruction:
    """What a person typed, as an instruction; options are listed where it does not say how.

    Raises:
        InputError: It is empty.
    """
    if not text.strip():
        raise InputError("the instruction is empty; write what the model should do")
    names = prompts.placeholders(text)
    listed = "options" in names or not names
    return Instruction(
        text=text, collection=TYPED, task_type=task_type, task=task,
        label_words=dict(label_words or {}),
        option_format=prompts.DEFAULT_OPTION_FORMAT if listed else "", source=TYPED,
    )


def type_of(examples: Sequence[Example]) -> TaskType:
    """The task type of somebody's own inputs, from their number of options."""
    return TaskType.BC if len(examples[0].options) == 2 else TaskType.MC
