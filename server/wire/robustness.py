"""Requests and replies in this project's format."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.models.engine import ModelInfo
from robustness.types import Example, TaskType
from server.wire.base import LARGEST_BATCH, Ours
from server.wire.chat import Message


class Input(Ours):
    """An input that the user provides."""

    fields: dict[str, str]
    options: list[str] = Field(default_factory=list)
    """The answer options; empty: those of the task."""
    answer: str | None = None


def examples(inputs: Sequence[Input], task: Task | None = None) -> list[Example]:
    """The inputs of a request as the library's examples.

    Args:
        inputs: The inputs.
        task: The task of the inputs; None: they belong to no task.

    Raises:
        InputError: A field of the task is missing or unknown, or an answer is not an option.
    """
    made = []
    for number, row in enumerate(inputs):
        if task is not None and set(row.fields) != set(task.fields):
            raise InputError(
                f"inputs[{number}].fields: the task {task.id} has {', '.join(task.fields)}, "
                f"found {', '.join(row.fields) or 'none'}"
            )
        options = tuple(dict.fromkeys(row.options)) or (task.options if task else ())
        if row.answer is not None and row.answer not in options:
            raise InputError(
                f"inputs[{number}].answer: {row.answer!r} is not among the options "
                f"{', '.join(options) or '(there are none)'}"
            )
        made.append(
            Example(
                task=task.id if task else "own",
                fields=row.fields,
                options=options,
                answer=row.answer,
            )
        )
    return made


class Predict(Ours):
    """`POST /robustness/v1/predict`."""

    instruction: str
    task: str | None = None
    inputs: Annotated[list[Input], Field(max_length=LARGEST_BATCH)] = Field(default_factory=list)
    label_words: dict[str, str] | None = None
    model: str | None = None
    k: Annotated[int, Field(ge=1, le=50)] = 5
    probe: Annotated[int, Field(ge=0)] | Literal["auto"] = 0
    """Number of unlabelled inputs of the task to read, if more than the representation needs;
    `auto`: as many as narrow the interval enough."""
    labelled: Annotated[int, Field(ge=0)] = 0
    """Number of labelled inputs of the task to read."""

    @model_validator(mode="after")
    def _one_source(self) -> "Predict":
        if self.task is not None and self.inputs:
            raise InputError("inputs: give a task or inputs of your own, not both")
        return self


class Compare(Ours):
    """`POST /robustness/v1/compare`."""

    instruction: str
    task: str | None = None
    input: Input | None = None
    label_words: dict[str, str] | None = None
    models: Annotated[list[str], Field(min_length=1, max_length=16)] | None = None


class Measure(Ours):
    """`POST /robustness/v1/measure`."""

    instruction: str
    task: str
    model: str | None = None
    label_words: dict[str, str] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class ReadPrompt(Ours):
    """One prompt of `POST /robustness/v1/read`."""

    text: str
    options: list[str] = Field(default_factory=list)


class Read(Ours):
    """`POST /robustness/v1/read`."""

    model: str
    prompts: Annotated[list[ReadPrompt], Field(max_length=LARGEST_BATCH)]


class ChatPrompt(Ours):
    """`POST /robustness/v1/chat_prompt`."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)


class CountTokens(Ours):
    """`POST /robustness/v1/count_tokens`."""

    model: str
    texts: Annotated[list[str], Field(max_length=LARGEST_BATCH)]


class TaskRow(BaseModel):
    """A built-in task, without its inputs."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    task_type: TaskType
    description: str
    fields: tuple[str, ...]
    options: tuple[str, ...]
    source: str
    trained: bool


class TaskList(BaseModel):
    """The reply of `GET /robustness/v1/tasks`."""

    tasks: list[TaskRow]


class EngineRow(BaseModel):
    """The reply of `GET /robustness/v1/engine`."""

    name: str
    models: list[ModelInfo]


class ReadingRow(BaseModel):
    """The reading of one prompt."""

    prompt_id: str
    option_logprobs: list[float]
    """Log-probabilities of the options in nats, in their order."""
    representation: list[float]


class Readings(BaseModel):
    """The reply of `POST /robustness/v1/read`."""

    readings: list[ReadingRow]


class PromptText(BaseModel):
    """The reply of `POST /robustness/v1/chat_prompt`."""

    prompt: str


class TokenCounts(BaseModel):
    """The reply of `POST /robustness/v1/count_tokens`."""

    tokens: list[int]
