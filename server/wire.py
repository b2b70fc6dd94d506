"""JSON <-> the library's values: the only pydantic models of the wire.

Requests in OpenAI's format tolerate keys that its clients send; our own refuse them by name.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from robustness.errors import InputError
from robustness.types import Example, GenerationSettings


class OpenAI(BaseModel):
    """A request in OpenAI's format."""

    model_config = ConfigDict(extra="ignore")


class Ours(BaseModel):
    """A request in this project's format."""

    model_config = ConfigDict(extra="forbid")


class StreamOptions(OpenAI):
    """OpenAI's `stream_options`."""

    include_usage: bool = False


class _Generation(OpenAI):
    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    def check(self) -> None:
        """Refuses what is not offered, by name.

        Raises:
            InputError: More than one choice is asked for.
        """
        if self.n not in (None, 1):
            raise InputError(f"n: only 1 is offered, found {self.n}; send several requests")

    def _settings(
        self, default_tokens: int, limit: int | None, logprobs: int | None
    ) -> GenerationSettings:
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        tokens = limit or self.max_tokens or default_tokens
        return GenerationSettings(
            max_tokens=tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=tuple(s for s in stop if s),
            seed=self.seed,
            logprobs=logprobs,
        )


class Completion(_Generation):
    """`POST /v1/completions`."""

    prompt: str | list[str]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool = False

    def prompts(self) -> list[str]:
        """The prompts, one or several.

        Raises:
            InputError: Something is asked for that is not offered.
        """
        self.check()
        if self.echo:
            raise InputError("echo: not offered; the prompt is what you sent")
        made = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if not made:
            raise InputError("prompt: the list is empty")
        return made

    def settings(self) -> GenerationSettings:
        """How the text is sampled."""
        return self._settings(16, None, self.logprobs)


class TextPart(OpenAI):
    """A part of a chat message."""

    type: str
    text: str = ""


class Message(OpenAI):
    """A chat message."""

    role: str
    content: str | list[TextPart] | None = None

    def plain(self) -> dict[str, str]:
        """Role and text.

        Raises:
            InputError: A part is not text.
        """
        if isinstance(self.content, list):
            other = [p.type for p in self.content if p.type != "text"]
            if other:
                raise InputError(f"messages: parts of type {other[0]!r} are not offered, only text")
            return {"role": self.role, "content": "".join(p.text for p in self.content)}
        return {"role": self.role, "content": self.content or ""}


class Chat(_Generation):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    def settings(self) -> GenerationSettings:
        """How the text is sampled."""
        wanted = (self.top_logprobs or 0) if self.logprobs else None
        return self._settings(128, self.max_completion_tokens, wanted)


class Embeddings(OpenAI):
    """`POST /v1/embeddings`."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Input(Ours):
    """An input of the person's own."""

    fields: dict[str, str]
    options: list[str] = []
    answer: str | None = None


def examples(inputs: Sequence[Input] | None, task: str = "") -> list[Example]:
    """The library's examples.

    Raises:
        InputError: An answer is not among the options.
    """
    made = []
    for number, row in enumerate(inputs or ()):
        if row.answer is not None and row.answer not in row.options:
            raise InputError(f"inputs[{number}]: answer {row.answer!r} is not among {row.options}")
        made.append(
            Example(task=task, fields=row.fields, options=tuple(row.options), answer=row.answer)
        )
    return made


class Predict(Ours):
    """`POST /robustness/v1/predict`."""

    instruction: str
    task: str | None = None
    inputs: list[Input] | None = None
    label_words: dict[str, str] | None = None
    model: str | None = None
    k: Annotated[int, Field(ge=1, le=50)] = 5


class Compare(Ours):
    """`POST /robustness/v1/compare`."""

    instruction: str
    task: str | None = None
    input: Input | None = None
    label_words: dict[str, str] | None = None
    models: list[str] | None = None


class Measure(Ours):
    """`POST /robustness/v1/measure`."""

    instruction: str
    task: str
    model: str | None = None
    label_words: dict[str, str] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class EnginePrompt(Ours):
    """One prompt of `POST /robustness/v1/engine/read`."""

    text: str
    options: list[str] = []


class EngineRead(Ours):
    """`POST /robustness/v1/engine/read`."""

    model: str
    prompts: Annotated[list[EnginePrompt], Field(max_length=4096)]


class EngineChat(Ours):
    """`POST /robustness/v1/engine/chat_prompt`."""

    model: str
    messages: list[Message]
