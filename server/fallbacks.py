"""Replies to requests under the API's paths that no handler takes.

They stand before the page, which is mounted at `/` and would answer everything with its own 404.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

_ROOTS = ("/v1", "/robustness")


class _Refusal:
    """Answers every method with one error; see `errors.install` for its format."""

    def __init__(self, status: int, allowed: Collection[str] = ()) -> None:
        self._status = status
        self._headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(self._status, headers=self._headers)


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Answers 405 where a path has a handler for another method, 404 where it has none.

    Args:
        app: Which includes the routers already.
        routers: The API's.
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
