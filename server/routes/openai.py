"""OpenAI's endpoints: models, completions, chat completions, embeddings.

Refuses to compute: each handler parses, asks the engine, and shows.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from robustness.errors import RobustnessError
from robustness.index import representations
from robustness.models.engine import Engine
from robustness.types import CompletionChunk, GenerationSettings
from server import documents, errors, wire
from server.connection import EventStream, while_connected
from server.documents import CompletionForm, Document
from server.metrics import Metrics


class _Generations:
    """The prompts of one request, answered one after another."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        model: str,
        prompts: list[str],
        settings: GenerationSettings,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._model = model
        self._prompts = prompts
        self._settings = settings

    async def whole(self) -> list[list[CompletionChunk]]:
        """Each prompt's pieces."""
        done: list[list[CompletionChunk]] = [[] for _ in self._prompts]
        async with aclosing(self.pieces()) as pieces:
            async for index, chunk in pieces:
                done[index].append(chunk)
        return done

    async def pieces(self) -> AsyncGenerator[tuple[int, CompletionChunk]]:
        """(place of the prompt, piece), as they come."""
        for index, prompt in enumerate(self._prompts):
            source = self._engine.stream(self._model, prompt, self._settings)
            with self._metrics.generation(self._model) as last:
                try:
                    async for chunk in source:
                        last[:] = [chunk]
                        yield index, chunk
                finally:
                    await _close(source)


async def _close(source: AsyncIterator[CompletionChunk]) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()


def _event(document: Document) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"


async def _events(
    first: tuple[int, CompletionChunk],
    rest: AsyncGenerator[tuple[int, CompletionChunk]],
    form: CompletionForm,
    options: wire.StreamOptions,
) -> AsyncGenerator[str]:
    """Server-sent events; an error in the middle is an event, since the status has been sent."""
    ends: dict[int, CompletionChunk] = {}
    sent: dict[int, int] = {}

    def event(index: int, chunk: CompletionChunk) -> str:
        document = form.piece(index, chunk, sent.get(index, 0))
        sent[index] = sent.get(index, 0) + len(chunk.text)
        ends[index] = chunk
        if options.continuous_usage_stats:
            document |= {"usage": documents.usage([chunk])}
        return _event(document)

    async with aclosing(rest):
        try:
            yield event(*first)
            async for index, chunk in rest:
                yield event(index, chunk)
            if options.include_usage:
                yield _event(form.last(list(ends.values())))
        except RobustnessError as error:
            yield _event(errors.document(error)[1])
        yield "data: [DONE]\n\n"


async def _answer(
    request: Request,
    asked: wire.Completion | wire.Chat,
    generations: _Generations,
    form: CompletionForm,
) -> Response:
    if not asked.stream:
        done = await while_connected(request, generations.whole())
        return JSONResponse(form.whole(done))
    # The first piece is awaited before the status is sent: a wrong prompt is a 400, not an event.
    pieces = generations.pieces()
    first = await while_connected(request, anext(pieces))
    return EventStream(_events(first, pieces, form, asked.stream_options or wire.StreamOptions()))


def routes(engine: Engine, metrics: Metrics) -> APIRouter:
    """The endpoints on one engine.

    Args:
        engine: What generates.
        metrics: Where generations are counted.
    """
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The served models: the original and its aligned forms."""
        return {"object": "list", "data": [documents.model(m) for m in engine.models()]}

    @router.get("/models/{model:path}")
    async def model(model: str) -> Document:
        """One served model."""
        return documents.model(representations.served(engine, model))

    @router.post("/completions")
    async def completions(asked: wire.Completion, request: Request) -> Response:
        """Text that follows a prompt."""
        representations.served(engine, asked.model)
        settings = asked.settings()
        form = CompletionForm(asked.model, chat=False, logprobs=settings.logprobs is not None)
        generations = _Generations(engine, metrics, asked.model, asked.prompt, settings)
        return await _answer(request, asked, generations, form)

    @router.post("/chat/completions")
    async def chat(asked: wire.Chat, request: Request) -> Response:
        """The answer to a conversation."""
        settings = asked.settings(representations.served(engine, asked.model).context)
        messages = [m.plain() for m in asked.messages]
        prompt = await run_in_threadpool(engine.chat_prompt, asked.model, messages)
        form = CompletionForm(asked.model, chat=True, logprobs=settings.logprobs is not None)
        generations = _Generations(engine, metrics, asked.model, [prompt], settings)
        return await _answer(request, asked, generations, form)

    @router.post("/embeddings")
    def embeddings(asked: wire.Embeddings) -> Document:
        """Representations: penultimate layer at the first decoded token."""
        vectors = engine.represent(asked.model, asked.input)
        tokens = sum(engine.count_tokens(asked.model, asked.input))
        packed = asked.encoding_format == "base64"
        return documents.embeddings(asked.model, vectors, tokens, packed=packed)

    return router
