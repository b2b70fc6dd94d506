"""A user's text, resolved once: the instruction, its task, its inputs.

Does not ask a model; see `predictor.py`, `comparison.py` and `measurement.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustness.data import user_instruction
from robustness.data.tasks import Task
from robustness.prediction.catalog import Catalog
from robustness.types import Example, Instruction, TaskType


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked about."""

    instruction: Instruction
    task: Task | None = None
    inputs: tuple[Example, ...] = ()
    """Inputs that the user gave: of the task, or their own where there is none. Empty: all of the
    task's, or none."""


def resolve(
    catalog: Catalog,
    text: str,
    *,
    task: str | Task | None = None,
    inputs: Sequence[Example] = (),
    label_words: Mapping[str, str] | None = None,
) -> Query:
    """Looks everything up that a text is asked with, once.

    Args:
        catalog: What is known.
        text: A template with {placeholders}, or an instruction alone.
        task: A task's name, or the task where it was looked up already.
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
    """A typed text for a task; a text that is an observed one is that one, labels included.

    Raises:
        InputError: It is empty.
        MismatchError, CorruptFileError: See `Catalog.index`.
    """
    known = catalog.observed(text, task) if label_words is None else None
    return known or user_instruction.instruction(text, task.task_type, task.id, label_words)
