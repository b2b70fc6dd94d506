"""The Protocol that every engine fulfils: readings and text from prompts.

Refuses to know how: in process with transformers, through vLLM, or over HTTP (`client.py`).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from robustness.types import (
    CompletionChunk,
    FloatArray,
    GenerationSettings,
    Prompt,
    Reading,
    RepresentationSpec,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model id that an engine serves."""

    id: str
    """`<backbone>` or `<backbone>+<prefix>`."""
    spec: RepresentationSpec
    context: int
    """Tokens that fit, virtual ones included."""
    scorer: str | None = None
    """How options are scored where a model of this process does it: see `scorers`."""
    slower: str | None = None
    """Why that is not the fastest scorer, in plain words; None: it is, or nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A model that was asked for and that an engine cannot serve."""

    id: str
    reason: str


class Engine(Protocol):
    """What the library asks of a model. Methods may be called from several threads."""

    name: str
    """`transformers`, `vllm` or `remote`, with the device, for the footer."""

    def models(self) -> list[ModelInfo]:
        """The served models, the original first."""
        ...

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        """Option log-probabilities and representations, in the order of the prompts.

        Raises:
            ModelNotFoundError: No such model.
            InputError: A prompt does not fit the context; the message gives both lengths.
            EngineError: The engine cannot answer now.
        """
        ...

    def stream(
        self, model: str, prompt: str, settings: GenerationSettings
    ) -> AsyncIterator[CompletionChunk]:
        """Generates text, piece by piece; closing the iterator stops the generation.

        Raises: As `read`.
        """
        ...

    def represent(self, model: str, texts: Sequence[str]) -> list[FloatArray]:
        """Representations (D,) float32 of bare texts, in order.

        Raises: As `read`.
        """
        ...

    def chat_prompt(self, model: str, messages: Sequence[dict[str, str]]) -> str:
        """The text that the model reads for a conversation of `role` and `content`.

        Raises:
            ModelNotFoundError: No such model.
            InputError: The tokenizer's chat template refuses the conversation.
        """
        ...

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a prompt, without virtual ones.

        Raises:
            ModelNotFoundError: No such model.
            EngineError: The engine cannot answer now.
        """
        ...

    def close(self) -> None:
        """Frees the model."""
        ...
