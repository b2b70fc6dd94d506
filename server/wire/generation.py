"""What requests that generate text have in common."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from robustness.types import GenerationSettings
from server.wire.base import NEUTRAL, OpenAI, as_texts
from server.wire.constraints import Constrained

_SEEDS = 2**63
_MOST_CHOICES = 128
_VLLM = (
    "top_k", "repetition_penalty", "presence_penalty", "frequency_penalty", "min_tokens",
    "ignore_eos", "stop_token_ids", "allowed_token_ids", "bad_words",
)
"""Keys that only vLLM offers."""

TokenId = Annotated[int, Field(ge=0)]


class StreamOptions(OpenAI):
    """OpenAI's `stream_options`, with one of vLLM's."""

    include_usage: bool = False
    continuous_usage_stats: bool = False
    """Whether every chunk carries the token counts so far."""


class Generation(Constrained):
    """How a text is generated."""

    model: str
    n: Annotated[int, Field(ge=1, le=_MOST_CHOICES)] | None = None
    """Number of texts for each prompt."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Annotated[list[str], BeforeValidator(as_texts)] | None = None
    seed: Annotated[int, Field(ge=-_SEEDS, lt=_SEEDS)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    top_k: Annotated[int, Field(ge=-1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    min_tokens: Annotated[int, Field(ge=0)] | None = None
    ignore_eos: bool | None = None
    stop_token_ids: list[TokenId] | None = None
    allowed_token_ids: Annotated[list[TokenId], Field(min_length=1)] | None = None
    bad_words: list[str] | None = None

    def _settings(self, max_tokens: int, logprobs: int | None) -> GenerationSettings:
        given = {name: getattr(self, name) for name in _VLLM}
        return GenerationSettings(
            max_tokens=max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=tuple(s for s in self.stop or () if s),
            seed=self.seed,
            logprobs=logprobs,
            constraint=self.constraint(),
            extra={
                name: value for name, value in given.items()
                if value is not None and value not in NEUTRAL[name]
            },
        )
