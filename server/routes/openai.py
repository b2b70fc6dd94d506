"""The endpoints in OpenAI's format: models, completions, chat completions, embeddings.

Does not define requests and replies; see `wire/` and `documents.py`.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from robustness.errors import RobustnessError
from robustness.index import representations
from robustness.models.engine import Engine
from robustness.types import CompletionChunk
from robustness.urgency import urgent
from server import documents, errors
from server.access import Access
from server.connection import EventStream, while_connected
from server.documents import ChatForm, TextForm
from server.generations import Generations
from server.metrics import Metrics
from server.routes.admitted import admitted, urgency_of
from server.wire.chat import Chat
from server.wire.completions import Completion as AskedCompletion
from server.wire.embeddings import EmbeddingList, Embeddings, ModelList
from server.wire.generation import StreamOptions


def _event(document: Completion | ChatCompletionChunk) -> bytes:
    # Without warnings: OpenAI's model forbids the null `finish_reason` of a chunk before the last.
    return format_sse_event(data_str=document.model_dump_json(exclude_unset=True, warnings=False))


async def _events(
    first: tuple[int, CompletionChunk],
    rest: AsyncGenerator[tuple[int, CompletionChunk]],
    form: TextForm | ChatForm,
    options: StreamOptions,
) -> AsyncGenerator[bytes]:
    """Yields server-sent events; a later error is an event, since the status has been sent."""
    ends: dict[int, CompletionChunk] = {}
    sent: dict[int, int] = {}

    def event(index: int, chunk: CompletionChunk) -> bytes:
        document = form.piece(
            index, chunk, sent.get(index, 0), counted=options.continuous_usage_stats
        )
        sent[index] = sent.get(index, 0) + len(chunk.text)
        ends[index] = chunk
        return _event(document)

    async with aclosing(rest):
        try:
            yield event(*first)
            async for index, chunk in rest:
                yield event(index, chunk)
            if options.include_usage:
                yield _event(form.last(list(ends.values())))
        except RobustnessError as error:
            yield format_sse_event(data_str=json.dumps(errors.document(error)[1]))
        yield format_sse_event(data_str="[DONE]")


async def _stream(
    request: Request,
    asked: AskedCompletion | Chat,
    generations: Generations,
    form: TextForm | ChatForm,
) -> EventStream:
    # The first chunk is awaited before the status is sent, so that a wrong prompt is a 400.
    pieces = generations.pieces()
    first = await while_connected(request, anext(pieces))
    return EventStream(_events(first, pieces, form, asked.stream_options or StreamOptions()))


_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Whole, or with `stream` in pieces."}
}


def routes(engine: Engine, metrics: Metrics, access: Access) -> APIRouter:
    """The endpoints in OpenAI's format.

    Args:
        engine: Generates text and computes representations.
        metrics: Counts the generations.
        access: The queues and limits.
    """
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.get("/models", response_model_exclude_unset=True)
    async def models() -> ModelList:
        """The served models: the original, and the original with each adapter."""
        return ModelList(object="list", data=[documents.model(m) for m in engine.models()])

    @router.get("/models/{model:path}", response_model_exclude_unset=True)
    async def model(model: str) -> Model:
        """One served model."""
        return documents.model(representations.model_info(engine, model))

    @router.post(
        "/completions", response_model=Completion, response_model_exclude_unset=True,
        responses=_STREAMED, dependencies=[admitted(access, AskedCompletion)],
    )
    async def completions(asked: AskedCompletion, request: Request) -> Completion | EventStream:
        """Generates the text that follows a prompt."""
        representations.model_info(engine, asked.model)
        settings = asked.settings()
        several = asked.n or 1
        form = TextForm(
            asked.model, logprobs=settings.logprobs is not None, n=several, echo=asked.echo
        )
        generations = Generations(
            engine, metrics, asked.model, asked.prompt, settings, n=several, echo=asked.echo
        )
        if asked.stream:
            return await _stream(request, asked, generations, form)
        return form.whole(await while_connected(request, generations.whole()))

    @router.post(
        "/chat/completions", response_model=ChatCompletion, response_model_exclude_unset=True,
        responses=_STREAMED, dependencies=[admitted(access, Chat)],
    )
    async def chat(asked: Chat, request: Request) -> ChatCompletion | EventStream:
        """Generates the answer to a conversation."""
        settings = asked.settings(representations.model_info(engine, asked.model).context)
        messages = [m.plain() for m in asked.messages]
        prompt = await run_in_threadpool(
            engine.chat_prompt, asked.model, messages, asked.chat_template_kwargs or {}
        )
        several = asked.n or 1
        form = ChatForm(asked.model, logprobs=settings.logprobs is not None, n=several)
        generations = Generations(engine, metrics, asked.model, [prompt], settings, n=several)
        if asked.stream:
            return await _stream(request, asked, generations, form)
        return form.whole(await while_connected(request, generations.whole()))

    @router.post("/embeddings", dependencies=[admitted(access, Embeddings)])
    def embeddings(asked: Embeddings) -> EmbeddingList:
        """Representations: hidden states of the penultimate layer at the first decoded token."""
        with urgent(urgency_of(asked)):
            vectors = engine.represent(asked.model, asked.input)
        tokens = sum(engine.count_tokens(asked.model, asked.input))
        packed = asked.encoding_format == "base64"
        return documents.embeddings(asked.model, vectors, tokens, packed=packed)

    return router
