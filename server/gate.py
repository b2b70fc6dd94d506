"""The first that a request meets: its host and origin, who sends it, and how much it may send.

What does not come in gets the documented error. For keys see `keys.py`, for who a client is
`clients.py`, for the limits `limits.py`.
"""

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server import clients, errors, login
from server.access import Access
from server.admission import EXPECTED, take_place
from server.clients import CLIENT, LOCAL, Client
from server.errors import BusyError
from server.hosts import local_path

API = ("/v1", "/robustness", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""First parts of the API's paths; every other path is the page's."""
PAGE_API = "/page/v1"
"""First part of the paths of the page's own endpoints, which reply as the API does."""
_OPEN = "/healthz"
"""The path that needs no key, for whoever watches whether the server is alive."""
_LONGEST_FORM = 4096
"""Most bytes of a login."""


def is_api(path: str) -> bool:
    """Whether a path is the API's and not the page's."""
    return any(path == root or path.startswith(f"{root}/") for root in API)


def _is_endpoint(path: str) -> bool:
    """Whether a path is an endpoint, of the API or of the page, and not a document or a file."""
    return is_api(path) or path.startswith(f"{PAGE_API}/")


def with_cors(app: ASGIApp, access: Access) -> ASGIApp:
    """An application whose replies pages of the allowed origins may read."""
    origins = access.settings.allow_origins
    if not origins:
        return app
    return CORSMiddleware(
        app, allow_origins=origins, allow_credentials=True, allow_methods=["*"],
        allow_headers=["*"],
    )


class Gate:
    """ASGI middleware that lets requests in or refuses them."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on with its client, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # Neither the page nor the API has a WebSocket.
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        refusal = self._outside(scope, headers)
        if refusal is None:
            if local_path(scope) == login.LOGIN and self._access.keys and "session" in scope:
                refusal = await self._log_in(scope, receive)
            else:
                refusal = self._known(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            take_place(scope)

    def _outside(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a request that names another host, or comes from another site's page."""
        problem = self._access.hosts.host_problem(headers)
        if problem is not None:
            return self._refused("host", 400, problem, "host_not_allowed")
        problem = self._access.hosts.origin_problem(scope, headers)
        if problem is not None:
            return self._refused("origin", 403, problem, "origin_not_allowed")
        return None

    def _known(self, scope: Scope, headers: Headers) -> Response | None:
        """Writes the client into the scope; the refusal of one that has no key or asks too much."""
        path = local_path(scope)
        if path == _OPEN:
            return None
        try:
            client = self._client(scope, headers)
            if client is None:
                return self._keyless(scope, headers, path)
            # The files of the page are not counted.
            if _is_endpoint(path) or scope["method"] == "POST":
                self._access.spend("requests", client)
            queue = self._access.admission.queue_of(path)
            if queue is not None and scope["method"] == "POST":
                # Before the body is read, since refusals must cost little when there are many.
                scope[EXPECTED] = (queue, queue.expect())
        except BusyError as error:
            return errors.reply(error)
        scope[CLIENT] = client
        return None

    def _client(self, scope: Scope, headers: Headers) -> Client | None:
        """Who sends a request; None if it needs a key and has none that is right.

        Raises:
            BusyError: The address has sent too many wrong keys.
        """
        session = scope.get("session", {})
        if self._access.keys:
            given = headers.get("authorization", "")
            scheme, _, key = given.partition(" ")
            if scheme.lower() == "bearer":
                name = self._access.holder(key.strip(), scope)
                return None if name is None else clients.holder(name)
            name = session.get("name", "")
            good = name and session.get("mark") == self._access.keys.mark(name)
            return clients.holder(name) if good else None
        if not self._access.settings.public:
            return LOCAL
        if "session" in scope and local_path(scope) == "/" and "browser" not in session:
            session["browser"] = secrets.token_urlsafe(16)
        return clients.stranger(scope, session.get("browser"))

    def _keyless(self, scope: Scope, headers: Headers, path: str) -> Response:
        """The refusal of a request without a right key; a visitor of the page is asked for one."""
        if not _is_endpoint(path) and scope["method"] == "GET" and "session" in scope:
            return RedirectResponse(login.asked_first(scope), 303)
        refusal = self._refused(
            "key", 401, "the server needs a key: send the header Authorization: Bearer KEY",
            "invalid_api_key",
        )
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    async def _log_in(self, scope: Scope, receive: Receive) -> Response:
        """The page that asks for a key, or what follows a right one."""
        if scope["method"] != "POST":
            return login.page(scope)
        body = b""
        while len(body) <= _LONGEST_FORM:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        key = parse_qs(body.decode(errors="replace")).get("key", [""])[0]
        try:
            name = self._access.holder(key.strip(), scope)
        except BusyError as error:
            return login.page(scope, "login.full", 429, n=error.seconds)
        if name is None:
            self._access.metrics.refused("key", "a wrong key on the login page")
            return login.page(scope, "login.wrong", 401)
        scope["session"].update(name=name, mark=self._access.keys.mark(name))
        return RedirectResponse(login.wanted(scope), 303)

    def _refused(self, reason: str, status: int, message: str, code: str) -> JSONResponse:
        self._access.metrics.refused(reason, message)
        return JSONResponse(errors.body(message, "invalid_request_error", code), status)
