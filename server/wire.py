"""The pydantic models of the API's requests and replies.

Requests in OpenAI's format ignore unknown keys that do not change the answer, and reject known ones
that would but are not offered; requests in this project's format reject every unknown key. Replies
in OpenAI's format are the `openai` package's models, and a reply that is one of the library's
dataclasses (a `Prediction`, a `Job`) is described by it; the other replies have their models here.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from openai.types import CreateEmbeddingResponse, Model
from openai.types import Embedding as OpenAIEmbedding
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.models.engine import ModelInfo, Withheld
from robustness.types import Example, GenerationSettings, TaskType

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    # OpenAI's.
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "tool_calls": ([],),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
    "dimensions": (),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    # Of one of the two kinds of completions alone.
    "max_completion_tokens": (),
    "top_logprobs": (0,),
    # vLLM's and other servers': sampling.
    "top_k": (0, -1),
    "top_a": (0,),
    "min_p": (0,),
    "typical_p": (1,),
    "tfs_z": (1,),
    "mirostat": (0,),
    "repetition_penalty": (1,),
    "repeat_penalty": (1,),
    "length_penalty": (1,),
    "no_repeat_ngram_size": (0,),
    "use_beam_search": (False,),
    "num_beams": (1,),
    "do_sample": (),
    "logits_processors": ([],),
    "allowed_token_ids": (),
    "bad_words": ([],),
    # Where the text ends and what is shown of it.
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "include_stop_str_in_output": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "prompt_logprobs": (),
    "return_token_ids": (False,),
    "return_tokens_as_token_ids": (False,),
    # What the model reads.
    "add_special_tokens": (),
    "truncate_prompt_tokens": (),
    "prompt_embeds": (),
    "chat_template": (),
    "chat_template_kwargs": ({},),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "documents": ([],),
    # What the answer must look like.
    "structured_outputs": ({},),
    "guided_json": (),
    "guided_regex": (),
    "guided_choice": (),
    "guided_grammar": (),
    "guided_decoding_backend": (),
    "structural_tag": (),
    "json_schema": (),
    "grammar": ("",),
    "regex": (),
}
"""Keys that are not offered -> their values that change nothing (None is one too)."""

_LARGEST_BATCH = 2048
_SEEDS = 2**63


def _texts(value: Any) -> Any:
    """One text or several as a list; token ids are rejected with a message."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and any(isinstance(v, (int, list)) for v in value):
        raise ValueError("token ids are not offered; send text")
    return value


def _parts(value: Any) -> Any:
    """The content of a message as a list of parts."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [] if value is None else value


Texts = Annotated[
    list[str], Field(min_length=1, max_length=_LARGEST_BATCH), BeforeValidator(_texts)
]


def _half(document: Any) -> str | None:
    """Path of a lone surrogate in a request, which tokenizers and files cannot take; else None."""
    left = [("body", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return place
        elif isinstance(value, Mapping):
            left += [(place, key) for key in value]
            left += [(f"{place}.{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            left += [(f"{place}[{n}]", child) for n, child in enumerate(value)]
    return None


class _Request(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, document: Any) -> Any:
        place = _half(document)
        if place is not None:
            raise InputError(
                f"{place.removeprefix('body.')}: holds half of a character (a lone surrogate, "
                "\\ud800 to \\udfff); send whole characters"
            )
        return document


class OpenAI(_Request):
    """A request in OpenAI's format."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _offered(self) -> "OpenAI":
        for name, neutral in _NEUTRAL.items():
            value = (self.model_extra or {}).get(name)
            if value is not None and value not in neutral:
                raise InputError(f"{name}: not offered, found {value!r}; leave it out")
        return self


class Ours(_Request):
    """A request in this project's format."""

    model_config = ConfigDict(extra="forbid")


class StreamOptions(OpenAI):
    """OpenAI's `stream_options`, with one of vLLM's."""

    include_usage: bool = False
    continuous_usage_stats: bool = False
    """Whether every chunk carries the token counts so far."""


class _Generation(OpenAI):
    model: str
    n: int | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Annotated[list[str], BeforeValidator(_texts)] | None = None
    seed: Annotated[int, Field(ge=-_SEEDS, lt=_SEEDS)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> "_Generation":
        if self.n not in (None, 1):
            raise InputError(f"n: only 1 is offered, found {self.n}; send several requests")
        return self

    def _settings(self, max_tokens: int, logprobs: int | None) -> GenerationSettings:
        return GenerationSettings(
            max_tokens=max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=tuple(s for s in self.stop or () if s),
            seed=self.seed,
            logprobs=logprobs,
        )


class Completion(_Generation):
    """`POST /v1/completions`."""

    prompt: Texts
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    def settings(self) -> GenerationSettings:
        """How the text is sampled; 16 tokens by default, as in OpenAI's API."""
        return self._settings(self.max_tokens or 16, self.logprobs)


class TextPart(OpenAI):
    """A part of a chat message."""

    type: str
    text: str = ""


class Message(OpenAI):
    """A chat message."""

    role: str
    content: Annotated[list[TextPart], BeforeValidator(_parts)] = []

    def plain(self) -> dict[str, str]:
        """Role and text.

        Raises:
            InputError: A part is not text.
        """
        for part in self.content:
            if part.type != "text":
                raise InputError(
                    f"messages: parts of type {part.type!r} are not offered, only text"
                )
        return {"role": self.role, "content": "".join(p.text for p in self.content)}


class Chat(_Generation):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    @model_validator(mode="after")
    def _alternatives(self) -> "Chat":
        if self.top_logprobs and not self.logprobs:
            raise InputError("top_logprobs: needs logprobs to be true")
        return self

    def settings(self, context: int) -> GenerationSettings:
        """How the text is sampled; by default until the model's context is full."""
        wanted = (self.top_logprobs or 0) if self.logprobs else None
        return self._settings(self.max_completion_tokens or self.max_tokens or context, wanted)


class Embeddings(OpenAI):
    """`POST /v1/embeddings`."""

    model: str
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"


class Input(Ours):
    """An input that the user provides."""

    fields: dict[str, str]
    options: list[str] = []
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
    inputs: Annotated[list[Input], Field(max_length=_LARGEST_BATCH)] = []
    label_words: dict[str, str] | None = None
    model: str | None = None
    k: Annotated[int, Field(ge=1, le=50)] = 5
    probe: Annotated[int, Field(ge=0)] = 0
    """Number of unlabelled inputs of the task to read, if more than the representation needs."""
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
    options: list[str] = []


class Read(Ours):
    """`POST /robustness/v1/read`."""

    model: str
    prompts: Annotated[list[ReadPrompt], Field(max_length=_LARGEST_BATCH)]


class ChatPrompt(Ours):
    """`POST /robustness/v1/chat_prompt`."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]


class CountTokens(Ours):
    """`POST /robustness/v1/count_tokens`."""

    model: str
    texts: Annotated[list[str], Field(max_length=_LARGEST_BATCH)]


class Embedding(OpenAIEmbedding):
    """One row of `POST /v1/embeddings`."""

    embedding: list[float] | str  # type: ignore[assignment]
    """A list of numbers, or base64 of little-endian float32, which `openai`'s client decodes."""


class EmbeddingList(CreateEmbeddingResponse):
    """The reply of `POST /v1/embeddings`."""

    data: Sequence[Embedding]  # type: ignore[assignment]


class ModelList(BaseModel):
    """The reply of `GET /v1/models`."""

    object: Literal["list"] = "list"
    data: list[Model]


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


class Alive(BaseModel):
    """The reply of `GET /healthz`."""

    status: Literal["ok"] = "ok"


class ModelState(BaseModel):
    """A served model, and whether degradation can be predicted for it."""

    id: str
    scorer: str | None = None
    """Name of the scorer of a model in this process: `packed` is the fastest for a decoder-only
    model, `encoder-decoder` for the others."""
    scorer_reason: str | None = None
    """Why this is not the fastest scorer, where it is not."""
    indexed: bool
    calibrated: bool
    reason: str | None = None
    """Why the model has no index."""


class Ready(BaseModel):
    """The reply of `GET /readyz` where the server can answer."""

    status: Literal["ready"] = "ready"
    engine: str
    reason: str
    """Why this engine was chosen."""
    models: list[ModelState]
    withheld: list[Withheld]
    """Models that were requested but that the engine cannot serve."""
    jobs: str | None = None
    """Why the batch jobs' files cannot be written, where they cannot."""


class Unready(BaseModel):
    """The reply of status 503 of `GET /readyz`."""

    status: Literal["unavailable"] = "unavailable"
    problem: str
    engine: str
    reason: str
