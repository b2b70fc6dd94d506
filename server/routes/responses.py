"""The endpoint of OpenAI's responses, with text in and out.

Does not define requests and replies; see `wire/responses.py` and `server/responses.py`.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event
from openai import BaseModel
from openai.types.responses import Response

from robustness.errors import RobustnessError
from robustness.index import representations
from robustness.models.engine import Engine
from robustness.types import CompletionChunk
from server import errors
from server.access import Access
from server.connection import EventStream, while_connected
from server.generations import Generations
from server.metrics import Metrics
from server.responses import ResponseForm
from server.routes.admitted import admitted
from server.wire.responses import Responses

_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Whole, or with `stream` in events."}
}


def _event(document: BaseModel) -> bytes:
    kind = str(document.model_dump(include={"type"})["type"])
    return format_sse_event(event=kind, data_str=document.model_dump_json(exclude_unset=True))


async def _events(
    first: CompletionChunk,
    rest: AsyncGenerator[tuple[int, CompletionChunk]],
    form: ResponseForm,
) -> AsyncGenerator[bytes]:
    """Yields server-sent events; a later error is an event, since the status has been sent."""
    async with aclosing(rest):
        for event in form.first():
            yield _event(event)
        for event in form.piece(first):
            yield _event(event)
        try:
            async for _, chunk in rest:
                for event in form.piece(chunk):
                    yield _event(event)
        except RobustnessError as error:
            found: Any = errors.document(error)[1]["error"]
            made = form.error(found["message"], found["code"])
            yield format_sse_event(event="error", data_str=json.dumps(made))
            return
        for event in form.last():
            yield _event(event)


def routes(engine: Engine, metrics: Metrics, access: Access) -> APIRouter:
    """The endpoint.

    Args:
        engine: Generates text.
        metrics: Counts the generations.
        access: The queues and limits.
    """
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.post(
        "/responses", response_model=Response, response_model_exclude_unset=True,
        responses=_STREAMED, dependencies=[admitted(access, Responses)],
    )
    async def responses(asked: Responses, request: Request) -> Response | EventStream:
        """Generates the answer to a text or a conversation; nothing is stored."""
        settings = asked.settings(representations.model_info(engine, asked.model).context)
        prompt = await run_in_threadpool(engine.chat_prompt, asked.model, asked.messages())
        generations = Generations(engine, metrics, asked.model, [prompt], settings)
        form = ResponseForm(asked)
        if asked.stream:
            # The first chunk is awaited before the status is sent, so that a wrong prompt is a 400.
            pieces = generations.pieces()
            _, first = await while_connected(request, anext(pieces))
            return EventStream(_events(first, pieces, form))
        (chunks,) = await while_connected(request, generations.whole())
        return form.whole(chunks)

    return router
