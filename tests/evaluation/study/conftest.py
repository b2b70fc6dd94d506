"""An engine with fixed scores, so that statistics can be computed by hand."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from robustness.errors import InputError
from robustness.models.engine import ModelInfo
from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    Reading,
    RepresentationSpec,
)

TOO_LONG = "too long"


class Written:
    """Reads prompts by a rule: (model, prompt) -> the word it prefers; counts what it was asked."""

    name = "written"

    def __init__(self, rule: Callable[[str, Prompt], str], models: Sequence[str] = ("m",)) -> None:
        self._rule = rule
        self._models = models
        self.asked: list[str] = []

    def models(self) -> list[ModelInfo]:
        return [
            ModelInfo(
                id=m, spec=RepresentationSpec(model="m", revision="1", prefix=None if not n else m),
                context=100,
            )
            for n, m in enumerate(self._models)
        ]

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        if any(TOO_LONG in p.text for p in prompts):
            raise InputError("the prompt does not fit")
        self.asked += [f"{model} {p.id}" for p in prompts]
        return [
            Reading(
                prompt_id=p.id,
                option_logprobs=np.array(
                    [-1.0 if w == self._rule(model, p) else -3.0 for w in p.options], np.float32
                ),
                representation=np.array([len(p.text), p.text.count("e"), 1.0], np.float32),
            )
            for p in prompts
        ]

    async def stream(
        self, model: str, prompt: str, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        self.asked.append(f"{model} generate {prompt}")
        yield CompletionChunk(text="yes" if "e" in prompt.split("\n")[1] else "maybe so")

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        return [np.ones(3, np.float32) for _ in texts]

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        return messages[-1]["content"]

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        return [1 + len(t.split()) for t in texts]

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def written() -> type[Written]:
    return Written
