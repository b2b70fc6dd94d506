"""Headers of every reply, and replies to HEAD."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class SafeHeaders:
    """ASGI middleware that says who may frame a reply, what it is, and where its address goes."""

    def __init__(self, app: ASGIApp, *, framed_by: Sequence[str]) -> None:
        """Wraps an application.

        Args:
            app: The application.
            framed_by: Other sites whose pages may show the page in a frame.
        """
        self._app = app
        self._added = {
            # A reply may have a policy of its own; a browser heeds both.
            "Content-Security-Policy": " ".join(("frame-ancestors 'self'", *framed_by)),
            "X-Content-Type-Options": "nosniff",
            # The page's address has what its visitor wrote.
            "Referrer-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._added.items():
                    headers.append(name, value)
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)


class AnswerHead:
    """ASGI middleware that answers HEAD as GET without the body, wherever GET is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        ended = False

        async def sent(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                if "route" in asked:
                    scope["route"] = asked["route"]  # by which requests are counted
                await send(message)
            elif not ended:
                # At the first piece: a stream may have no end.
                ended = True
                await send({"type": "http.response.body", "body": b""})

        await self._app(asked, receive, sent)
