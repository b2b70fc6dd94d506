"""Checks the rows of a table and turns each into a query, or the error that it has.

Does not read files; see `storage/tables.py`.
"""

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import CancelledError, EngineError, InputError, RobustnessError
from robustness.index import representations
from robustness.prediction import comparison, measurement, query
from robustness.prediction.catalog import Catalog
from robustness.prediction.predictor import Predictor
from robustness.prediction.query import Query
from robustness.storage import cell_lists
from robustness.storage.cells import text_of
from robustness.storage.tables import INSTRUCTION, RowInput, read_table
from robustness.types import Example, Instruction, Prompt
from robustness.workbench import Workbench

OWN = "own"
"""Task of a row with a user input."""
_OWN_FIELD = "text"
_LONGEST = 4
"""Inputs of a row, the longest, whose prompts are counted before anything is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """Why a row cannot be scored."""

    reason: str


def check(catalog: Catalog, row: RowInput) -> Query | RowError:
    """The query of a row, or its error.

    Raises:
        CancelledError, EngineError: Errors that are not the row's.
    """
    try:
        return _checked(catalog, row)
    except (CancelledError, EngineError):
        raise
    except RobustnessError as error:
        return RowError(reason=str(error))


def _checked(catalog: Catalog, row: RowInput) -> Query:
    if row.broken:
        raise InputError(row.broken)
    text = text_of(row.cells[INSTRUCTION])
    if not text.strip():
        raise InputError("the instruction is empty")
    task, options, answer = (_text(row.cells, name) for name in ("task", "options", "answer"))
    given = row.cells.get("input", "")
    has_input = bool(_text(row.cells, "input"))
    if not has_input and (options or answer):
        raise InputError("the row has options or an answer but no input")
    chosen = catalog.task(task) if task else None
    if chosen is None and isinstance(given, Mapping) and len(given) == 1:
        # The instruction does not name the only field: it is the text, whatever it is called.
        ((name, value),) = given.items()
        named = prompts.field_name(str(name)) in prompts.placeholders(text)
        given = given if named else text_of(value)
    inputs = [_example(chosen, given, options, answer)] if has_input else []
    asked = query.resolve(catalog, text, task=chosen, inputs=inputs)
    if chosen is not None and not inputs:
        measurement.labelled(chosen)
    if chosen is not None or inputs:
        prompts.check(asked.instruction, comparison.example_of(asked))
    predictor = Predictor(catalog)
    predictor.check(asked)
    _check_length(catalog, asked, predictor)
    return asked


def asked_inputs(query: Query) -> tuple[Example, ...]:
    """The inputs on which both models answer: the row's, else the task's labelled ones, else none.

    Raises:
        InputError: The task has no labelled inputs.
    """
    if query.inputs or query.task is None:
        return query.inputs
    return measurement.labelled(query.task)


def _check_length(catalog: Catalog, asked: Query, predictor: Predictor) -> None:
    """Whether the longest prompts of a row fit the models.

    Raises:
        InputError: One does not.
    """
    wanted, answered = predictor.wanted(asked), asked_inputs(asked)
    read = {catalog.original: (*wanted, *answered)}
    read |= dict.fromkeys(catalog.compared[1:], answered)
    for info in catalog.engine.models():
        examples = {e.id: e for e in read.get(info.id, ())}.values()
        longest = heapq.nlargest(_LONGEST, examples, key=_size)
        if not longest and info.id == catalog.original:
            alone = representations.alone_text(asked.instruction)
            longest_prompts = [
                Prompt(instruction_id="", example_id="", text=alone, options=())
            ]
        elif not longest or _surely_fits(asked.instruction, longest[0], info.context):
            continue
        else:
            longest_prompts = [prompts.fill(asked.instruction, e) for e in longest]
        try:
            catalog.engine.check_prompts(info.id, longest_prompts)
        except EngineError:
            return  # it is away: whether the prompts fit, reading them will tell


def _size(example: Example) -> int:
    """Bytes of an input and its options."""
    texts = (*example.fields.values(), *example.options)
    return sum(len(text.encode()) for text in texts)


def _surely_fits(instruction: Instruction, example: Example, context: int) -> bool:
    """Whether a prompt is so short that it need not be filled and counted.

    A token is a byte at the least; half of the context is left to chat format and virtual tokens.
    """
    times = 1 + len(prompts.placeholders(instruction.text))
    return len(instruction.text.encode()) + times * _size(example) < context // 2


def _text(cells: Mapping[str, Any], name: str) -> str:
    return text_of(cells.get(name, "")).strip()


def example_of(
    workbench: Workbench, task: str | None, text: str, options: str, answer: str
) -> Example:
    """An input from the texts of a row's cells.

    Raises:
        InputError: Options are missing or fewer than two, the answer is not among them, or the
            input's fields are not the task's.
        NotFoundError: No such task.
    """
    return _example(workbench.task(task) if task else None, text, options, answer)


def _example(task: Task | None, given: Any, options: str, answer: str) -> Example:
    own = tuple(dict.fromkeys(cell_lists.split(options)))
    answers = own or (task.options if task else ())
    if len(answers) < 2:
        raise InputError(
            f"an input needs at least two options, separated by |; found {options!r}"
        )
    prompts.check_options(own)
    place = cell_lists.place(answer, answers)
    answer = answer if place is None else answers[place]
    if answer and answer not in answers:
        raise InputError(f"the answer {answer!r} is not among the options {', '.join(answers)}")
    return Example(
        task=task.id if task else OWN, fields=_fields(given, task),
        options=answers, answer=answer or None,
    )


def _fields(given: Any, task: Task | None) -> dict[str, str]:
    """The input cell as fields.

    A text is a single field; a task with several fields wants a JSON object, as a value or as
    text. A user's own object names its fields itself.
    """
    if task is None and isinstance(given, Mapping):
        return {prompts.field_name(str(name)): text_of(value) for name, value in given.items()}
    names = task.fields if task is not None else (_OWN_FIELD,)
    if len(names) == 1 and not isinstance(given, Mapping):
        return {names[0]: text_of(given).strip()}
    found = given
    if isinstance(given, str):
        try:
            found = json.loads(given)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping) or set(found) != set(names):
        raise InputError(
            f"the task's input has the fields {', '.join(names)}: write it as a JSON object, e.g. "
            + json.dumps(dict.fromkeys(names, "..."))
        )
    return {name: text_of(found[name]) for name in names}


def read_inputs(workbench: Workbench, path: Path, task: str | None = None) -> list[Example]:
    """Reads user inputs from a table with `input`, and `options` if they belong to no task.

    Raises:
        InputError: A row is malformed; the message names it.
        NotFoundError, CorruptFileError: See `read_table`.
    """
    chosen = workbench.task(task) if task else None
    examples = []
    for row in read_table(path, required="input").rows:
        try:
            if row.broken:
                raise InputError(row.broken)
            examples.append(
                _example(
                    chosen, row.cells["input"], _text(row.cells, "options"),
                    _text(row.cells, "answer"),
                )
            )
        except InputError as error:
            raise InputError(f"{path}, row {row.number + 1}: {error}") from error
    if not examples:
        raise InputError(f"{path} has no rows")
    return examples
