"""Cancels the work for a request, or its wait in a queue, when its client disconnects."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from robustness.errors import CancelledError
from server.admission import Queue, take_place

T = TypeVar("T")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, which is cancelled when the client disconnects.

    Args:
        request: A request whose body has been read.
        work: The coroutine.

    Raises:
        CancelledError: The client has disconnected.
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
    """The result of a function in a thread, which is told to stop when the client disconnects.

    Args:
        request: A request whose body has been read.
        work: The function; its argument is a function that says whether to stop.

    Raises:
        CancelledError: The client has disconnected.
    """
    stop = threading.Event()
    try:
        return await while_connected(request, run_in_threadpool(work, stop.is_set))
    finally:
        stop.set()


@asynccontextmanager
async def in_queue(queue: Queue, request: Request) -> AsyncIterator[None]:
    """Waits until a request may be computed; leaves the queue when it was answered.

    Raises:
        BusyError: See `Queue.entered`.
        CancelledError: The client has left.
    """
    take_place(request.scope)
    place = queue.entered_async()
    await while_connected(request, place.__aenter__())
    try:
        yield
    finally:
        await place.__aexit__(None, None, None)


class EventStream(EventSourceResponse):
    """A reply of server-sent events, whose generator is closed when the client disconnects."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        """Takes an asynchronous generator of events as `format_sse_event` formats them."""
        # The headers that FastAPI sets for streams: proxies must not cache or buffer them.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends events until the generator or the connection ends."""
        # Starlette cancels the task that sends, which does not close a generator paused at `yield`.
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().__call__(scope, receive, send)
