"""Replies 404 or 405 to requests under the API's paths that no handler takes.

These routes come before the page, which is mounted at `/` and would answer with its own 404.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

_ROOTS = ("/v1", "/robustness")


class _Refusal:
    """An ASGI application that answers every request with one error; `errors` formats it."""

    def __init__(self, status: int, allowed: Collection[str] = ()) -> None:
        self._status = status
        self._headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(self._status, headers=self._headers)


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Answers 405 where a path has a handler for another method, 404 where it has none.

    Args:
        app: The application, which includes the routers already.
        routers: The routers of the API.
    """
    methods: dict[str, set[str]] = defaultdict(set)
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                methods[route.path] |= route.methods or set()
    for path, allowed in methods.items():
        app.router.routes.append(Route(path, _Refusal(405, allowed)))
    for root in _ROOTS:
        app.router.routes.append(Route(root + "/{rest:path}", _Refusal(404)))
