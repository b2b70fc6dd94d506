"""Generates the texts that a request asks for, one after another."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from fastapi.concurrency import run_in_threadpool

from robustness.models.engine import Engine
from robustness.types import CompletionChunk, GenerationSettings, PromptInput
from server.metrics import Metrics


class Generations:
    """The texts of one request: `n` for each of its prompts."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        model: str,
        prompts: Sequence[PromptInput],
        settings: GenerationSettings,
        *,
        n: int = 1,
        echo: bool = False,
    ) -> None:
        """Generates nothing yet.

        Args:
            engine: Generates the texts.
            metrics: Counts them.
            model: Id of a served model.
            prompts: The prompts.
            settings: How to sample; of several texts for a prompt, each has the next seed.
            n: Number of texts for each prompt.
            echo: Whether each text begins with its prompt.
        """
        self._engine = engine
        self._metrics = metrics
        self._model = model
        self._prompts = prompts
        self._settings = settings
        self._n = n
        self._echo = echo

    async def whole(self) -> list[list[CompletionChunk]]:
        """The chunks of each text."""
        done: list[list[CompletionChunk]] = [[] for _ in range(len(self._prompts) * self._n)]
        async with aclosing(self.pieces()) as pieces:
            async for index, chunk in pieces:
                done[index].append(chunk)
        return done

    async def pieces(self) -> AsyncGenerator[tuple[int, CompletionChunk]]:
        """Yields (index of the text, chunk) as they are generated."""
        for number, prompt in enumerate(self._prompts):
            echoed = await self._echoed(prompt) if self._echo else None
            for repeat in range(self._n):
                index = number * self._n + repeat
                if echoed is not None:
                    yield index, echoed
                source = self._engine.stream(self._model, prompt, self._seeded(repeat))
                with self._metrics.generation(self._model) as last:
                    try:
                        async for chunk in source:
                            last[:] = [chunk]
                            yield index, chunk
                    finally:
                        await _close(source)

    def _seeded(self, repeat: int) -> GenerationSettings:
        seed = self._settings.seed
        return self._settings if seed is None else replace(self._settings, seed=seed + repeat)

    async def _echoed(self, prompt: PromptInput) -> CompletionChunk:
        """The prompt as the first piece of its texts."""
        wanted = self._settings.logprobs
        if wanted is None and isinstance(prompt, str):
            return CompletionChunk(text=prompt, echo=True)
        scores = await run_in_threadpool(
            self._engine.prompt_logprobs, self._model, prompt, wanted or 0
        )
        return CompletionChunk(
            text=scores.text, logprobs=scores.tokens, prompt_tokens=len(scores.tokens), echo=True
        )


async def _close(source: AsyncIterator[CompletionChunk]) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()
