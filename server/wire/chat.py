"""Requests for chat completions, and their messages."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from robustness.errors import InputError
from robustness.types import GenerationSettings
from server.wire.base import OpenAI
from server.wire.generation import Generation


def _parts(value: Any) -> Any:
    """The content of a message as a list of parts."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [] if value is None else value


class TextPart(OpenAI):
    """A part of a chat message."""

    type: str
    text: str = ""


class Message(OpenAI):
    """A chat message."""

    role: str
    content: Annotated[list[TextPart], BeforeValidator(_parts)] = Field(default_factory=list)

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


class Chat(Generation):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    """Variables of the chat template, such as `enable_thinking`."""
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
