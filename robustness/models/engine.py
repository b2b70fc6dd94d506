"""The `Engine` protocol: what runs a model and returns scores, representations and text.

Implemented by `TransformersEngine` in this process, by the server's vLLM engine, and by
`RemoteEngine` over HTTP.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    PromptInput,
    PromptScores,
    Reading,
    RepresentationSpec,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that an engine serves."""

    id: str
    """`<backbone>`, or `<backbone>+<adapter>`."""
    spec: RepresentationSpec
    context: int
    """Number of tokens that fit in one input, including virtual ones."""
    scorer: str | None = None
    """Name of the scorer that scores options, for a model in this process; see `scorers`."""
    slower: str | None = None
    """Why this is not the fastest scorer, in plain words; None if it is, or if it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A model that was requested but that the engine cannot serve, with the reason."""

    id: str
    reason: str


class Engine(Protocol):
    """Runs one backbone with its adapters. Methods may be called from several threads."""

    name: str
    """`transformers`, `vllm` or `remote`, with the device, for display."""

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        ...

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Scores the options of prompts and returns representations, in the order of the prompts.

        Args:
            model: Id of a served model.
            prompts: The prompts with their options.

        Raises:
            ModelNotFoundError: There is no such model.
            InputError: A prompt exceeds the context; the message gives both lengths.
            EngineError: The engine cannot answer at present.
        """
        ...

    def stream(
        self, model: str, prompt: PromptInput, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        """Generates text and yields it in pieces; closing the iterator stops generation.

        Raises: As `read`; InputError also where the engine does not offer a setting.
        """
        ...

    def prompt_logprobs(
        self, model: str, prompt: PromptInput, alternatives: int
    ) -> PromptScores:
        """Log-probabilities of a prompt's own tokens, each given those before it.

        Args:
            model: Id of a served model.
            prompt: The prompt, without a chat format.
            alternatives: How many of the most probable tokens to return at each position.

        Raises: As `read`; InputError also for an encoder-decoder model, whose encoder reads the
            prompt and gives it no probability.
        """
        ...

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations of texts, (D,) float32 each, in order.

        Raises: As `read`.
        """
        ...

    def chat_prompt(
        self, model: str, messages: Sequence[dict[str, str]],
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt of a conversation in the chat format.

        Args:
            model: A served model id.
            messages: Dicts with `role` and `content`.
            arguments: Further variables of the chat template, such as `enable_thinking`.

        Raises:
            ModelNotFoundError: There is no such model.
            InputError: The tokenizer's chat template does not accept the conversation.
        """
        ...

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text as a prompt, without virtual ones.

        Raises:
            ModelNotFoundError: There is no such model.
            EngineError: The engine cannot answer at present.
        """
        ...

    def check_prompts(self, model: str, prompts: Sequence[Prompt]) -> None:
        """Whether `read` would take prompts, without running the model.

        Raises:
            ModelNotFoundError: No such model.
            InputError: A prompt is empty or does not fit the context, as in `read`.
            EngineError: The engine cannot answer now.
        """
        ...

    def close(self) -> None:
        """Frees the model; the engine cannot be used afterwards."""
        ...
