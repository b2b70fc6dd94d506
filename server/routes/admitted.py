"""The dependency by which a request waits in a queue before it is computed.

FastAPI reads a request's body before its dependencies, so that a slow client takes no place in a
queue.
"""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Depends, Request
from pydantic import BaseModel

from robustness.urgency import Urgency
from server import clients
from server.access import Access
from server.connection import in_queue
from server.limits import LIVE, MOST_LIVE, WHOLE_TASK
from server.wire import robustness as wire
from server.wire.chat import Chat
from server.wire.completions import Completion
from server.wire.embeddings import Embeddings
from server.wire.responses import Responses

_SHORT = 64
"""Most prompts of a request that counts as a prediction."""


def prompts_of(asked: BaseModel) -> int:
    """About how many prompts the models read for a request."""
    match asked:
        case wire.Predict():
            probe = MOST_LIVE if asked.probe == "auto" else asked.probe
            return max(LIVE, probe, len(asked.inputs)) + asked.labelled
        case wire.Compare():
            return len(asked.models or ("original", "aligned"))
        case wire.Measure():
            return asked.limit or WHOLE_TASK
        case wire.Read():
            return len(asked.prompts)
        case Embeddings():
            return len(asked.input)
        case Completion():
            return len(asked.prompt) * (asked.n or 1)
        case _:
            return 1


def _long(asked: BaseModel) -> bool:
    """Whether a request takes long enough to wait apart from predictions."""
    generated = isinstance(asked, (wire.Measure, Completion, Chat, Responses))
    return generated or prompts_of(asked) > _SHORT


def urgency_of(asked: BaseModel) -> Urgency:
    """The urgency with which a request is computed."""
    return Urgency.LONG if _long(asked) else Urgency.LIVE


def admitted(access: Access, kind: type[BaseModel]) -> Any:
    """The dependency of a handler with a JSON body.

    Args:
        access: The queues and limits.
        kind: The body's type.
    """

    async def dependency(asked: BaseModel, request: Request) -> AsyncIterator[None]:
        access.spend("prompts", clients.of(request.scope), prompts_of(asked))
        queues = access.admission
        queue = queues.generations if _long(asked) else queues.predictions
        async with in_queue(queue, request):
            yield

    # The same parameter as the handler's, so that FastAPI parses the body once.
    dependency.__annotations__["asked"] = kind
    return Depends(dependency)
