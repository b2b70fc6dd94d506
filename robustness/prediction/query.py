"""Resolves what a user gives (text, task name, inputs) to an instruction, a task and examples.

Does not run a model; see `predictor.py`, `comparison.py` and `measurement.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from robustness.data import user_instruction
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.prediction.catalog import Catalog
from robustness.types import Example, Instruction, TaskType

AUTO = "auto"
"""As many unlabelled inputs as narrow the interval enough."""
Probing = int | Literal["auto"]
"""A number of unlabelled inputs, or `AUTO`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """An instruction with the task and the inputs that it is for."""

    instruction: Instruction
    task: Task | None = None
    inputs: tuple[Example, ...] = ()
    """Inputs that the user gave, of the task or, without a task, any. Empty: the task's inputs, or
    none."""


def check_probing(probe: Probing, labelled: int) -> None:
    """Checks that only one of `AUTO` and labelled inputs is asked for.

    Raises:
        InputError: Both are.
    """
    if probe == AUTO and labelled:
        raise InputError(
            f"{AUTO} chooses the number of unlabelled inputs, and {labelled} labelled ones were "
            "asked for; give one or the other"
        )


def resolve(
    catalog: Catalog,
    text: str,
    *,
    task: str | Task | None = None,
    inputs: Sequence[Example] = (),
    label_words: Mapping[str, str] | None = None,
) -> Query:
    """Resolves a text with its task and inputs.

    Args:
        catalog: The tasks and indexes.
        text: A template with {placeholders}, or an instruction alone.
        task: The name of a task, or the task itself.
        inputs: The user's inputs.
        label_words: Canonical option -> the word that the text asks for.

    Raises:
        InputError: The text is empty.
        NotFoundError, MismatchError, CorruptFileError: See `Catalog.task` and `Catalog.index`.
    """
    chosen = catalog.task(task) if isinstance(task, str) else task
    if chosen is not None:
        made = instruction_for(catalog, text, chosen, label_words)
    else:
        kind = user_instruction.type_of(inputs) if inputs else TaskType.QA
        made = user_instruction.instruction(text, kind, None, label_words)
    return Query(instruction=made, task=chosen, inputs=tuple(inputs))


def instruction_for(
    catalog: Catalog, text: str, task: Task, label_words: Mapping[str, str] | None = None
) -> Instruction:
    """The instruction of a text for a task; the observed one with its labels, if the text is its.

    Raises:
        InputError: The text is empty.
        MismatchError, CorruptFileError: See `Catalog.index`.
    """
    known = catalog.observed(text, task) if label_words is None else None
    return known or user_instruction.instruction(text, task.task_type, task.id, label_words)
