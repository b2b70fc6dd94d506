"""What requests that generate text have in common."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from robustness.errors import InputError
from robustness.types import GenerationSettings
from server.wire.base import OpenAI, as_texts

_SEEDS = 2**63


class StreamOptions(OpenAI):
    """OpenAI's `stream_options`, with one of vLLM's."""

    include_usage: bool = False
    continuous_usage_stats: bool = False
    """Whether every chunk carries the token counts so far."""


class Generation(OpenAI):
    """How a text is generated."""

    model: str
    n: int | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Annotated[list[str], BeforeValidator(as_texts)] | None = None
    seed: Annotated[int, Field(ge=-_SEEDS, lt=_SEEDS)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @model_validator(mode="after")
    def _one_choice(self) -> "Generation":
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
