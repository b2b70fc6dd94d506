"""The dependency by which a request of the page waits in a queue and is counted.

The API's own is `server.routes.admitted`.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Depends, Request

from server import clients
from server.access import Access
from server.admission import Queue
from server.connection import in_queue
from server.limits import LIVE, WHOLE_TASK
from server.page import asked

_MODELS = 2
"""The model and the one beside it."""


def live(body: asked.Wording) -> int:
    """About how many prompts a prediction, or the answers to some questions, read."""
    if isinstance(body, asked.Predicted):
        return max(LIVE, body.probe) + body.labelled
    return _MODELS * LIVE


def whole(_: asked.Wording) -> int:
    """About how many prompts a measurement of both models reads."""
    return _MODELS * WHOLE_TASK


def one(_: asked.Wording) -> int:
    """One prompt."""
    return 1


def each(_: asked.Wording) -> int:
    """One prompt for each model."""
    return _MODELS


def admitted(
    access: Access, kind: type[asked.Wording], queue: Queue,
    prompts: Callable[[asked.Wording], int],
) -> Any:
    """The dependency of a handler with a JSON body.

    Args:
        access: The limits.
        kind: The body's type.
        queue: Where the request waits; it leaves it when the whole reply was sent.
        prompts: About how many prompts the models read for a body.
    """

    async def dependency(body: asked.Wording, request: Request) -> AsyncIterator[None]:
        access.spend("prompts", clients.of(request.scope), prompts(body))
        async with in_queue(queue, request):
            yield

    # The same parameter as the handler's, so that FastAPI parses the body once.
    dependency.__annotations__["body"] = kind
    return Depends(dependency)
