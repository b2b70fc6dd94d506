"""Replies of JSON lines, written by a function in a thread while it works."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope
from starlette.types import Send as AsgiSend

from robustness.errors import CancelledError, RobustnessError
from robustness.urgency import Urgency, urgent
from server import errors

Send = Callable[[dict[str, Any]], None]
ShouldStop = Callable[[], bool]


class Lines(StreamingResponse):
    """A reply of lines of JSON, whose generator is closed when the client disconnects."""

    def __init__(self, lines: AsyncGenerator[bytes]) -> None:
        """Takes an asynchronous generator of lines."""
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(lines, media_type="application/x-ndjson", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Sends lines until the generator or the connection ends."""
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().__call__(scope, receive, send)


def streamed(work: Callable[[Send, ShouldStop], None]) -> StreamingResponse:
    """A reply of the documents that a function sends; it runs in a thread of its own.

    Args:
        work: Called with a function that sends a document as a line, and one that says whether
            the client has left. An error of the library becomes the last line.
    """
    return Lines(_lines(work))


def line(document: dict[str, Any]) -> bytes:
    """A document as one line."""
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


async def _lines(work: Callable[[Send, ShouldStop], None]) -> AsyncGenerator[bytes]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    stop = threading.Event()

    def send(document: dict[str, Any] | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(waiting.put_nowait, document)

    def run() -> None:
        try:
            with urgent(Urgency.LONG):
                work(send, stop.is_set)
        except CancelledError:
            pass
        except RobustnessError as error:
            send(errors.document(error)[1])
        except Exception as error:
            send(errors.body(errors.unforeseen_failure(error), "server_error"))
            raise
        finally:
            send(None)

    threading.Thread(target=run, name="steadfast-page", daemon=True).start()
    try:
        while (document := await waiting.get()) is not None:
            yield line(document)
    finally:
        stop.set()
