"""Writes replies of `/v1/responses`: whole, or as a stream of events.

They are pydantic models of the `openai` package. Does not generate; see `generations.py`.
"""

import time
import uuid
from collections.abc import Iterator, Sequence

from openai import BaseModel
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseIncompleteEvent,
    ResponseInProgressEvent,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
    response_output_text,
    response_text_delta_event,
    response_text_done_event,
)
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from robustness.types import CompletionChunk, TokenLogprob
from server.documents import token_bytes
from server.wire.responses import Responses


def _logprobs(tokens: Sequence[TokenLogprob]) -> list[response_output_text.Logprob]:
    return [
        response_output_text.Logprob(
            token=t.token, logprob=t.logprob, bytes=token_bytes(t.token) or [],
            top_logprobs=[
                response_output_text.LogprobTopLogprob(
                    token=token, logprob=logprob, bytes=token_bytes(token) or []
                )
                for token, logprob in t.top
            ],
        )
        for t in tokens if t.logprob is not None
    ]


def _usage(end: CompletionChunk) -> ResponseUsage:
    read, written = end.prompt_tokens, end.completion_tokens
    return ResponseUsage(
        input_tokens=read, output_tokens=written, total_tokens=read + written,
        input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
    )


class ResponseForm:
    """Writes the reply to one request, which has one message with one text."""

    def __init__(self, asked: Responses) -> None:
        """Generates the ids and takes the time.

        Args:
            asked: The request.
        """
        self._asked = asked
        key = uuid.uuid4().hex
        self._id, self._item = f"resp_{key}", f"msg_{key}"
        self._created = int(time.time())
        self._chunks: list[CompletionChunk] = []
        self._sent = 0

    def whole(self, chunks: Sequence[CompletionChunk]) -> Response:
        """The reply to a request without `stream`."""
        self._chunks = list(chunks)
        return self._response(self._status())

    def first(self) -> Iterator[BaseModel]:
        """The events before the text."""
        yield ResponseCreatedEvent(
            response=self._response("in_progress"), type="response.created",
            sequence_number=self._next(),
        )
        yield ResponseInProgressEvent(
            response=self._response("in_progress"), type="response.in_progress",
            sequence_number=self._next(),
        )
        yield ResponseOutputItemAddedEvent(
            item=self._message("in_progress", []), output_index=0,
            type="response.output_item.added", sequence_number=self._next(),
        )
        yield ResponseContentPartAddedEvent(
            part=ResponseOutputText(annotations=[], text="", type="output_text", logprobs=[]),
            content_index=0, item_id=self._item, output_index=0,
            type="response.content_part.added", sequence_number=self._next(),
        )

    def piece(self, chunk: CompletionChunk) -> Iterator[BaseModel]:
        """The event of a piece of text; none where the piece is empty."""
        self._chunks.append(chunk)
        if not chunk.text and not chunk.logprobs:
            return
        logprobs = [
            response_text_delta_event.Logprob(
                token=t.token, logprob=t.logprob,
                top_logprobs=[
                    response_text_delta_event.LogprobTopLogprob(token=token, logprob=value)
                    for token, value in t.top
                ],
            )
            for t in chunk.logprobs if t.logprob is not None
        ]
        yield ResponseTextDeltaEvent(
            delta=chunk.text, logprobs=logprobs, content_index=0, item_id=self._item,
            output_index=0, type="response.output_text.delta", sequence_number=self._next(),
        )

    def last(self) -> Iterator[BaseModel]:
        """The events behind the text, with the whole reply."""
        text, status = self._text(), self._status()
        logprobs = [
            response_text_done_event.Logprob(
                token=t.token, logprob=t.logprob,
                top_logprobs=[
                    response_text_done_event.LogprobTopLogprob(token=token, logprob=value)
                    for token, value in t.top
                ],
            )
            for c in self._chunks for t in c.logprobs if t.logprob is not None
        ]
        yield ResponseTextDoneEvent(
            text=text.text, logprobs=logprobs, content_index=0, item_id=self._item,
            output_index=0, type="response.output_text.done", sequence_number=self._next(),
        )
        yield ResponseContentPartDoneEvent(
            part=text, content_index=0, item_id=self._item, output_index=0,
            type="response.content_part.done", sequence_number=self._next(),
        )
        yield ResponseOutputItemDoneEvent(
            item=self._message(status, [text]), output_index=0,
            type="response.output_item.done", sequence_number=self._next(),
        )
        response, number = self._response(status), self._next()
        if status == "completed":
            yield ResponseCompletedEvent(
                response=response, type="response.completed", sequence_number=number
            )
        else:
            yield ResponseIncompleteEvent(
                response=response, type="response.incomplete", sequence_number=number
            )

    def error(self, message: str, code: str | None) -> dict[str, object]:
        """The event of an error in the middle of a text."""
        return {
            "type": "error", "code": code, "message": message, "param": None,
            "sequence_number": self._next(),
        }

    def _next(self) -> int:
        self._sent += 1
        return self._sent - 1

    def _status(self) -> str:
        return "completed" if self._chunks[-1].finish_reason == "stop" else "incomplete"

    def _text(self) -> ResponseOutputText:
        tokens = [t for c in self._chunks for t in c.logprobs]
        return ResponseOutputText(
            annotations=[], type="output_text", logprobs=_logprobs(tokens),
            text="".join(c.text for c in self._chunks),
        )

    def _message(
        self, status: str, content: list[ResponseOutputText]
    ) -> ResponseOutputMessage:
        return ResponseOutputMessage.model_validate(
            {"id": self._item, "role": "assistant", "type": "message", "status": status,
             "content": content}
        )

    def _response(self, status: str) -> Response:
        asked, ended = self._asked, status != "in_progress"
        short = IncompleteDetails(reason="max_output_tokens") if status == "incomplete" else None
        return Response.model_validate({
            "id": self._id, "object": "response", "created_at": self._created,
            "model": asked.model, "status": status, "error": None, "incomplete_details": short,
            "instructions": asked.instructions, "metadata": asked.metadata or {},
            "output": [self._message(status, [self._text()])] if ended else [],
            "parallel_tool_calls": False, "tool_choice": "none", "tools": [],
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "top_p": 1.0 if asked.top_p is None else asked.top_p,
            "max_output_tokens": asked.max_output_tokens,
            "text": {"format": (asked.text and asked.text.format) or {"type": "text"}},
            "top_logprobs": asked.top_logprobs or 0, "truncation": "disabled",
            "usage": _usage(self._chunks[-1]) if ended else None,
        })  # fmt: skip
