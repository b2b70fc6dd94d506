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
from fastapi.sse import EventSourceResponse
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


class EventStream(EventSourceResponse):
    """Server-sent events, whose source is closed as soon as the client leaves."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        """Takes the source, an asynchronous generator of events as `format_sse_event` writes."""
        # What FastAPI sets where a path operation yields its events: proxies hold nothing back.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the source or the connection ends."""
        # Starlette cancels the sending; a source that stands at a `yield` is to be closed besides.
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().__call__(scope, receive, send)
