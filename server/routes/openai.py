"""OpenAI's endpoints: models, completions, chat completions, embeddings.

Refuses to compute: each handler parses, asks the engine, and shows.
"""

import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse

from robustness.engine import Engine
from robustness.errors import InputError, NotFoundError, RobustnessError
from robustness.types import CompletionChunk, GenerationSettings, TokenLogprob
from server import errors, wire


def _logprobs(tokens: tuple[TokenLogprob, ...], chat: bool) -> dict[str, Any]:
    if not chat:
        return {
            "tokens": [t.token for t in tokens],
            "token_logprobs": [t.logprob for t in tokens],
            "top_logprobs": [dict(t.top) for t in tokens],
            "text_offset": [],
        }

    def one(token: str, logprob: float) -> dict[str, Any]:
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

    return {
        "content": [
            one(t.token, t.logprob) | {"top_logprobs": [one(*pair) for pair in t.top]}
            for t in tokens
        ],
        "refusal": None,
    }


class _Format:
    """Writes one completion, whole or in pieces, as OpenAI's documents."""

    def __init__(self, model: str, *, chat: bool, logprobs: bool) -> None:
        self.chat = chat
        self.logprobs = logprobs
        self.head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        kind = "chat.completion" if self.chat else "text_completion"
        return self.head | {"object": kind, "choices": choices, "usage": usage}

    def choice(self, index: int, chunks: list[CompletionChunk]) -> dict[str, Any]:
        text = "".join(c.text for c in chunks)
        content = (
            {"message": {"role": "assistant", "content": text, "refusal": None}}
            if self.chat
            else {"text": text}
        )
        tokens = tuple(t for c in chunks for t in c.logprobs)
        return {
            "index": index,
            "finish_reason": chunks[-1].finish_reason if chunks else "stop",
            "logprobs": _logprobs(tokens, self.chat) if self.logprobs else None,
        } | content

    def piece(self, index: int, chunk: CompletionChunk) -> dict[str, Any]:
        content = {"delta": {"content": chunk.text}} if self.chat else {"text": chunk.text}
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return self.head | {
            "object": kind,
            "choices": [
                {
                    "index": index,
                    "finish_reason": chunk.finish_reason,
                    "logprobs": _logprobs(chunk.logprobs, self.chat) if self.logprobs else None,
                }
                | content
            ],
        }

    def last(self, usage: dict[str, int]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return self.head | {"object": kind, "choices": [], "usage": usage}


def _usage(ends: list[CompletionChunk]) -> dict[str, int]:
    prompt = sum(c.prompt_tokens for c in ends)
    completion = sum(c.completion_tokens for c in ends)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"


async def _whole(
    engine: Engine, model: str, prompts: list[str], settings: GenerationSettings, form: _Format
) -> dict[str, Any]:
    choices, ends = [], []
    for index, prompt in enumerate(prompts):
        chunks = [c async for c in engine.stream(model, prompt, settings)]
        choices.append(form.choice(index, chunks))
        ends += chunks[-1:]
    return form.whole(choices, _usage(ends))


async def _pieces(
    engine: Engine,
    model: str,
    prompts: list[str],
    settings: GenerationSettings,
    form: _Format,
    first: CompletionChunk | None,
    source: AsyncIterator[CompletionChunk],
    usage: bool,
) -> AsyncIterator[str]:
    """Server-sent events; an error in the middle is an event, since the status has been sent."""
    ends = []
    try:
        for index, prompt in enumerate(prompts):
            chunks = source if index == 0 else engine.stream(model, prompt, settings)
            end = first if index == 0 else None
            if end is not None:
                yield _event(form.piece(0, end))
            async for chunk in chunks:
                end = chunk
                yield _event(form.piece(index, chunk))
            if end is not None:
                ends.append(end)
        if usage:
            yield _event(form.last(_usage(ends)))
    except RobustnessError as error:
        yield _event(errors.body(str(error), "engine_error"))
    yield "data: [DONE]\n\n"


async def _answer(
    engine: Engine, request: wire.Completion | wire.Chat, prompts: list[str], *, chat: bool
) -> Response:
    settings = request.settings()
    form = _Format(request.model, chat=chat, logprobs=settings.logprobs is not None)
    if not request.stream:
        return JSONResponse(await _whole(engine, request.model, prompts, settings, form))
    # The first piece is awaited before the status is sent: a wrong model is a 404, not an event.
    source = engine.stream(request.model, prompts[0], settings)
    first = await anext(source, None)
    usage = bool(request.stream_options and request.stream_options.include_usage)
    return StreamingResponse(
        _pieces(engine, request.model, prompts, settings, form, first, source, usage),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache"},
    )


def routes(engine: Engine) -> APIRouter:
    """The endpoints on one engine."""
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """The served models: the original and its aligned forms."""
        rows = [
            {"id": m.id, "object": "model", "created": 0, "owned_by": "steadfast"}
            for m in engine.models()
        ]
        return {"object": "list", "data": rows}

    @router.get("/models/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        """One served model."""
        known = [m.id for m in engine.models()]
        if model not in known:
            raise NotFoundError(f"no model {model!r}; there are {', '.join(known)}")
        return {"id": model, "object": "model", "created": 0, "owned_by": "steadfast"}

    @router.post("/completions")
    async def completions(request: wire.Completion) -> Response:
        """Text that follows a prompt."""
        return await _answer(engine, request, request.prompts(), chat=False)

    @router.post("/chat/completions")
    async def chat(request: wire.Chat) -> Response:
        """The answer to a conversation."""
        request.check()
        messages = [m.plain() for m in request.messages]
        prompt = engine.chat_prompt(request.model, messages)
        return await _answer(engine, request, [prompt], chat=True)

    @router.post("/embeddings")
    async def embeddings(request: wire.Embeddings) -> dict[str, Any]:
        """Representations: penultimate layer at the first decoded token."""
        texts = [request.input] if isinstance(request.input, str) else request.input
        if not texts:
            raise InputError("input: the list is empty")
        if request.dimensions is not None:
            raise InputError("dimensions: not offered; a representation has the model's width")
        vectors = await run_in_threadpool(engine.represent, request.model, texts)
        rows = []
        for index, vector in enumerate(vectors):
            packed = np.asarray(vector, dtype="<f4")
            value: object = (
                base64.b64encode(packed.tobytes()).decode()
                if request.encoding_format == "base64"
                else packed.tolist()
            )
            rows.append({"object": "embedding", "index": index, "embedding": value})
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "data": rows, "model": request.model, "usage": usage}

    return router
