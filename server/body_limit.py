"""Refuses requests that are too large before they are read."""

from collections.abc import Mapping

from fastapi import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import errors
from server.hosts import local_path

FORM = 64 * 1024
"""Bytes that a form may add to the file that it holds."""
_CLOSE = {"Connection": "close"}


class LimitBodies:
    """An ASGI middleware that answers 400 to a request above a number of bytes."""

    def __init__(self, app: ASGIApp, *, largest: int, uploads: Mapping[str, int]) -> None:
        """Wraps an application.

        Args:
            app: The application.
            largest: Most bytes of a request's body.
            uploads: Path -> most bytes there, where that is another number.
        """
        self._app = app
        self._largest = largest
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = self._uploads.get(local_path(scope))
        most = self._largest if upload is None else upload
        name = "body" if upload is None else "upload"
        message = (
            f"body: larger than {most} bytes; send less at once, or raise the limit where the "
            f"server is started: --max-{name} or $STEADFAST_MAX_{name.upper()} (MiB)"
        )
        told = dict(scope["headers"]).get(b"content-length", b"")
        if told.isdigit() and int(told) > most:
            document = errors.body(message, "invalid_request_error")
            await JSONResponse(document, 400, _CLOSE)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            part = await receive()
            read += len(part.get("body", b""))
            if read > most:
                # FastAPI passes this on from where it reads the body.
                raise HTTPException(400, message, _CLOSE)
            return part

        await self._app(scope, counted, send)
