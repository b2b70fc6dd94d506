"""Work that ends when its client leaves.

Refuses to know what the work is.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from robustness.errors import CancelledError

T = TypeVar("T")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; the work is cancelled when the client leaves.

    Args:
        request: Its body has been read.
        work: What to wait for.

    Raises:
        CancelledError: The client has left.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise CancelledError("the client has left")
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def in_thread_while_connected(
    request: Request, work: Callable[[Callable[[], bool]], T]
) -> T:
    """The result of work in a thread, which is told to stop when the client leaves.

    Args:
        request: Its body has been read.
        work: Takes a function that says whether to stop.

    Raises:
        CancelledError: The client has left.
    """
    stop = threading.Event()
    try:
        return await while_connected(request, run_in_threadpool(work, stop.is_set))
    finally:
        stop.set()


class EventStream(StreamingResponse):
    """Server-sent events, whose source is closed as soon as the client leaves."""

    def __init__(self, events: AsyncIterator[str]) -> None:
        """Takes the source, an asynchronous generator of whole events."""
        super().__init__(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the source or the connection ends."""
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            sending = asyncio.ensure_future(self.stream_response(send))
            gone = asyncio.ensure_future(_gone(receive))
            try:
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                if not sending.done():
                    sending.cancel()
                    await asyncio.wait({sending})
        if not sending.cancelled():
            sending.result()
