"""Requests for completions."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from robustness.errors import InputError
from robustness.types import GenerationSettings, PromptInput
from server.wire.base import LARGEST_BATCH
from server.wire.generation import Generation

_PROMPT = "send a text, token ids, or a list of either"


def _ids(value: Any) -> bool:
    return isinstance(value, list) and all(type(v) is int for v in value)


def _prompts(value: Any) -> list[PromptInput]:
    """One prompt or several as a list of texts and tuples of token ids."""
    if isinstance(value, str) or (_ids(value) and value):
        value = [value]
    if not isinstance(value, list):
        raise ValueError(_PROMPT)
    for prompt in value:
        if not isinstance(prompt, str) and not _ids(prompt):
            raise ValueError(f"{_PROMPT}, found {prompt!r}")
    return [prompt if isinstance(prompt, str) else tuple(prompt) for prompt in value]


class Completion(Generation):
    """`POST /v1/completions`."""

    prompt: Annotated[
        list[str | tuple[int, ...]],
        Field(min_length=1, max_length=LARGEST_BATCH), BeforeValidator(_prompts),
    ]
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool = False
    """Whether the text begins with the prompt, and the log-probabilities with those of its tokens;
    the token that ends the text has its log-probability then, too."""

    @model_validator(mode="after")
    def _few_enough(self) -> "Completion":
        if (wanted := len(self.prompt) * (self.n or 1)) > LARGEST_BATCH:
            raise InputError(
                f"n: {wanted} texts are asked for at once, at most {LARGEST_BATCH} are offered"
            )
        return self

    def settings(self) -> GenerationSettings:
        """How the text is sampled; 16 tokens by default, as in OpenAI's API."""
        return self._settings(16 if self.max_tokens is None else self.max_tokens, self.logprobs)
