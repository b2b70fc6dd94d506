"""Compares the answers of several models to the same prompt.

Does not look up tasks by name; see `query.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robustness.data import prompts, user_instruction
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.prediction.catalog import Catalog
from robustness.prediction.query import Query
from robustness.types import Comparison, Example, ModelAnswer, Prompt, Reading


def example_of(query: Query) -> Example:
    """The input to compare on: the user's first input, else the task's first test input.

    Raises:
        InputError: The task has no inputs; or there is neither task nor input, or the input has
            fewer than two options.
    """
    if query.inputs:
        example = query.inputs[0]
    elif query.task is None:
        raise InputError("give a task, or an input with its options, to compare the answers")
    else:
        example = _first(query.task)
    if len(example.options) < 2:
        raise InputError(
            f"an input needs at least two options to choose from, found {len(example.options)}"
        )
    return example


def prompt(query: Query) -> Prompt:
    """The exact prompt for the user's first input, else the task's first, else without an input.

    Raises:
        InputError: The text's placeholders do not fit the input, or the task has no inputs.
    """
    if query.task is not None:
        return prompts.fill(
            query.instruction, query.inputs[0] if query.inputs else _first(query.task)
        )
    example = query.inputs[0] if query.inputs else Example(task="", fields={}, options=())
    instruction = query.instruction
    if not example.options:
        # There are no options to list.
        instruction = replace(
            instruction, task_type=user_instruction.type_of([example]), option_format="", id=""
        )
    return prompts.fill(instruction, example)


def compare(
    query: Query, catalog: Catalog, *, models: Sequence[str] | None = None
) -> Comparison:
    """Compares the answers of models, by default of the original and the first aligned one.

    Raises:
        InputError: See `example_of` and `prompt`.
        NotFoundError, EngineError: See `Engine.read`.
    """
    example = example_of(query)
    asked = prompt(query)
    readings = [
        (model, catalog.engine.read(model, [asked])[0]) for model in models or catalog.compared
    ]
    return compared(example, asked, readings)


def compare_each(
    query: Query, catalog: Catalog, examples: Sequence[Example], *,
    models: Sequence[str] | None = None,
) -> list[Comparison]:
    """The comparisons on several inputs; each model reads all prompts in one call.

    Args:
        query: The instruction with its task.
        catalog: Its engine runs the models.
        examples: Inputs with at least two options each.
        models: Served model ids; by default the original and the first aligned one.

    Raises:
        InputError: See `example_of` and `prompt`.
        NotFoundError, EngineError: See `Engine.read`.
    """
    each = [replace(query, inputs=(example,)) for example in examples]
    inputs = [example_of(one) for one in each]
    asked = [prompt(one) for one in each]
    names = models or catalog.compared
    readings = [catalog.engine.read(model, asked) for model in names]
    return [
        compared(example, text, list(zip(names, answers, strict=True)))
        for example, text, answers in zip(inputs, asked, zip(*readings, strict=True), strict=True)
    ]


def compared(
    example: Example, asked: Prompt, readings: Sequence[tuple[str, Reading]]
) -> Comparison:
    """The comparison of several models' readings of one prompt.

    Args:
        example: The input in the prompt.
        asked: The prompt.
        readings: (served model id, its reading of the prompt).
    """
    answers = tuple(_answer(model, asked, example, r) for model, r in readings)
    return Comparison(
        instruction_id=asked.instruction_id, task=example.task, prompt=asked.text,
        options=example.options, answers=answers, agree=len({a.option for a in answers}) == 1,
    )


def _first(task: Task) -> Example:
    examples = task.split("test") or task.examples
    if not examples:
        raise InputError(f"the task {task.id} has no inputs")
    return examples[0]


def _answer(model: str, asked: Prompt, example: Example, reading: Reading) -> ModelAnswer:
    scores = reading.option_logprobs.astype(np.float64)
    weights = np.exp(scores - scores.max())
    return ModelAnswer(
        model=model,
        option=example.options[int(scores.argmax())],
        option_probabilities=tuple(float(w) for w in weights / weights.sum()),
        label_words=asked.options,
    )
