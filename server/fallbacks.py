"""Replies 404 or 405, in the documented format, to requests that no handler takes.

The routes come before Gradio's application, which is mounted at `/` and would answer with its own
404; it is told to use the format, too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from server import errors

_READS = frozenset(("GET", "HEAD"))


def _allowing(methods: Collection[str]) -> dict[str, str]:
    """The header with the methods of a path; `AnswerHead` answers HEAD wherever there is a GET."""
    allowed = {*methods, *(_READS if "GET" in methods else ())}
    return {"Allow": ", ".join(sorted(allowed))}


class _Refusal:
    """An ASGI application that answers every request with one error; `errors` formats it."""

    def __init__(self, status: int, allowed: Collection[str] = ()) -> None:
        self._status = status
        self._headers = _allowing(allowed) if allowed else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(self._status, headers=self._headers)


class Files(StaticFiles):
    """Files that say which methods they take."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See `StaticFiles`."""
        if scope["method"] not in _READS:
            raise HTTPException(405, headers=_allowing(_READS))
        return await super().get_response(path, scope)


def install(app: FastAPI, routers: Iterable[APIRouter], *, roots: Iterable[str]) -> None:
    """Answers 405 where a path has a handler for another method, 404 where it has none.

    Args:
        app: The application, which includes the routers already.
        routers: Their paths.
        roots: First parts of paths below which there is nothing else.
    """
    methods: dict[str, set[str]] = defaultdict(set)
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                methods[route.path] |= route.methods or set()
    if app.openapi_url:
        methods[app.openapi_url] |= _READS
    for path, allowed in methods.items():
        app.router.routes.append(Route(path, _Refusal(405, allowed)))
    for root in roots:
        app.router.routes.append(Route(root + "/{rest:path}", _Refusal(404)))


def install_below(app: FastAPI) -> None:
    """Has Gradio's application, which is mounted on another, reply 404 and 405 in the format."""

    async def told(request: Request, error: AnyHTTPException) -> Response:
        if error.status_code in (404, 405):
            if error.headers and "Allow" in error.headers:
                error.headers = _allowing(error.headers["Allow"].split(", "))
            return errors.refusal(request, error)
        return await http_exception_handler(request, error)

    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):
            route.app.add_exception_handler(AnyHTTPException, told)  # type: ignore[arg-type]
