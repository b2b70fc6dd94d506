"""Turns text that a user typed into an `Instruction`, and infers the task type of user inputs."""

from collections.abc import Mapping, Sequence

from robustness.data import prompts
from robustness.errors import InputError
from robustness.types import Example, Instruction, TaskType

TYPED = "typed"


def instruction(
    text: str, task_type: TaskType, task: str | None, label_words: Mapping[str, str] | None = None
) -> Instruction:
    """The instruction for a user's text.

    The options are listed in the default format where the text has `{options}` or no placeholder
    at all.

    Args:
        text: A template, or an instruction without placeholders.
        task_type: Type of the task that it is for.
        task: Id of that task; None: every task of the type.
        label_words: Canonical option -> the word that the text asks for.

    Raises:
        InputError: The text is empty.
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
    """The task type of user inputs: BC where the first has two options, otherwise MC."""
    return TaskType.BC if len(examples[0].options) == 2 else TaskType.MC
