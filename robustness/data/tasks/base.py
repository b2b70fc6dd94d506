"""The `Task` dataclass and the JSON file format of a task."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from robustness.errors import InputError
from robustness.storage import cells, files
from robustness.storage.validation import first_fault
from robustness.types import Example, TaskType

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something that was left out, or read in another way than it stands, while reading a task."""

    what: str
    """`label`, `column` or `file`."""
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: its description, the fields of an input, the answer options, and inputs."""

    id: str
    title: str
    task_type: TaskType
    description: str
    """What is asked, in a sentence or two, for people who use the task or write instructions."""
    fields: tuple[str, ...]
    """Names of an input's fields, in reading order."""
    options: tuple[str, ...]
    """The canonical answer options; empty where they change from input to input."""
    source: str
    """Where it comes from, e.g. `generated` or `written`, and by what."""
    trained: bool
    """Whether the embedded backbone was trained on the task."""
    examples: tuple[Example, ...] = ()
    omissions: tuple[Omission, ...] = field(default=(), compare=False)
    """What was left out while reading it; not saved."""

    def split(self, name: str) -> tuple[Example, ...]:
        """The examples of one split."""
        return tuple(e for e in self.examples if e.split == name)

    @property
    def labelled(self) -> tuple[Example, ...]:
        """The inputs for measuring accuracy: labelled test inputs, or else all labelled ones."""
        known = tuple(e for e in self.examples if e.answer is not None)
        return tuple(e for e in known if e.split == "test") or known

    def without_examples(self) -> "Task":
        """The same task without inputs."""
        return replace(self, examples=())


def _text(value: Any) -> Any:
    """Numbers and truth values as texts; other values unchanged."""
    return cells.text_of(value) if isinstance(value, (bool, int, float)) else value


_Cell = Annotated[str, BeforeValidator(_text)]


class _Example(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fields: dict[str, _Cell]
    options: tuple[_Cell, ...] = ()
    answer: _Cell | None = None
    split: str = "test"


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: int = Field(alias="schema")
    id: str
    title: str
    task_type: TaskType
    description: str
    fields: tuple[str, ...]
    options: tuple[_Cell, ...] = ()
    source: str
    trained: bool
    examples: list[_Example]


def read_task(path: Path) -> Task:
    """Reads a task file.

    Raises:
        InputError: A key is missing or unknown, an input lacks a field or has fewer than two
            options, or its answer is not one of them.
        NotFoundError, CorruptFileError, MismatchError: See `files.read_json`.
    """
    return task_of(files.read_json(path), path)


def task_of(document: Any, path: Path) -> Task:
    """The task of a task file's document.

    Args:
        document: The file's JSON.
        path: The file, for messages.

    Raises:
        InputError, CorruptFileError, MismatchError: See `read_task`.
    """
    files.check_schema(document, path, SCHEMA)
    try:
        row = _Task.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{path}: {first_fault(error)}") from error
    examples = []
    for number, e in enumerate(row.examples):
        options = e.options or row.options
        where = f"{path}: examples[{number}]"
        if set(e.fields) != set(row.fields):
            raise InputError(
                f"{where}: fields {sorted(e.fields)}, the task has {sorted(row.fields)}"
            )
        if len(options) < 2:
            raise InputError(f"{where}: fewer than two options")
        if e.answer is not None and e.answer not in options:
            raise InputError(f"{where}: answer {e.answer!r} is not among {list(options)}")
        examples.append(
            Example(task=row.id, fields=e.fields, options=options, answer=e.answer, split=e.split)
        )
    return Task(
        id=row.id,
        title=row.title,
        task_type=row.task_type,
        description=row.description,
        fields=row.fields,
        options=row.options,
        source=row.source,
        trained=row.trained,
        examples=tuple(examples),
    )


def write_task(path: Path, task: Task) -> None:
    """Writes a task file atomically."""
    document = {
        "schema": SCHEMA,
        "id": task.id,
        "title": task.title,
        "task_type": task.task_type,
        "description": task.description,
        "fields": task.fields,
        "options": task.options,
        "source": task.source,
        "trained": task.trained,
        "examples": [
            {"fields": e.fields, "answer": e.answer, "split": e.split}
            | ({} if e.options == task.options else {"options": e.options})
            for e in task.examples
        ],
    }
    files.write_json(path, document)
