"""Requests for completions."""

from typing import Annotated

from pydantic import Field

from robustness.types import GenerationSettings
from server.wire.base import Texts
from server.wire.generation import Generation


class Completion(Generation):
    """`POST /v1/completions`."""

    prompt: Texts
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    def settings(self) -> GenerationSettings:
        """How the text is sampled; 16 tokens by default, as in OpenAI's API."""
        return self._settings(self.max_tokens or 16, self.logprobs)
