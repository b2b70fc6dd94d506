"""Requests for `/v1/responses`, with text in and out."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from robustness.errors import InputError
from robustness.types import GenerationSettings
from server.wire.base import NEUTRAL, OpenAI
from server.wire.chat import Message
from server.wire.constraints import of_format

_LOGPROBS = "message.output_text.logprobs"
_TEXTS = ("input_text", "output_text", "text")
_ROLES = {"developer": "system"}
"""OpenAI's name of a role -> the one that chat templates know."""


def _items(value: Any) -> Any:
    """The input as a list of messages."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        return value
    return [_message(item) for item in value]


def _message(item: Any) -> Any:
    """An input item as a chat message."""
    if not isinstance(item, Mapping):
        raise ValueError("send a text, or a list of messages")
    kind = item.get("type") or "message"
    if kind != "message":
        raise ValueError(f"items of type {kind!r} are not offered, only messages")
    parts = item.get("content")
    if isinstance(parts, list):
        parts = [
            {**part, "type": "text"}
            if isinstance(part, Mapping) and part.get("type") in _TEXTS else part
            for part in parts
        ]
    role = str(item.get("role"))
    return {"role": _ROLES.get(role, role), "content": parts}


class TextOptions(OpenAI):
    """How the text must look."""

    format: dict[str, Any] | None = None


class Responses(OpenAI):
    """`POST /v1/responses`."""

    not_offered: ClassVar[Mapping[str, tuple[Any, ...]]] = NEUTRAL | {
        "previous_response_id": (),
        "conversation": (),
        "background": (False,),
        "prompt": (),
        "reasoning": ({}, {"effort": "none"}, {"effort": None}),
        "truncation": ("disabled",),
        "max_tool_calls": (),
        "context_management": ([],),
        "n": (1,),
        "stop": ([],),
        "seed": (),
        "logprobs": (False,),
        "max_tokens": (),
    }

    model: str
    input: Annotated[list[Message], Field(min_length=1), BeforeValidator(_items)]
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    text: TextOptions | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    stream: bool = False

    @model_validator(mode="after")
    def _included(self) -> "Responses":
        other = [name for name in self.include or () if name != _LOGPROBS]
        if other:
            raise InputError(f"include: {other[0]!r} is not offered, only {_LOGPROBS}")
        return self

    def messages(self) -> list[dict[str, str]]:
        """The conversation, with the instructions in front of it."""
        first = [] if self.instructions is None else [
            {"role": "system", "content": self.instructions}
        ]
        return first + [message.plain() for message in self.input]

    def settings(self, context: int) -> GenerationSettings:
        """How the text is sampled; by default until the model's context is full."""
        wanted = self.top_logprobs
        if wanted is None and self.include:
            wanted = 0
        return GenerationSettings(
            max_tokens=self.max_output_tokens or context,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            logprobs=wanted,
            constraint=of_format(self.text.format if self.text else None, "text.format"),
        )
