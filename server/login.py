"""The page on which a visitor gives a key, and the session that remembers it.

The session is a signed cookie. Does not decide which requests need a key; see `gate.py`.
"""

import secrets
from html import escape
from pathlib import Path

from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOGIN = "/login"
_SECRET = ".session-key"
_COOKIE = "steadfast"

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Steadfast: log in</title>
<style>
body {{ font: 16px system-ui, sans-serif; margin: 15vh auto; max-width: 22rem; padding: 0 1rem }}
input, button {{ box-sizing: border-box; font: inherit; padding: .5rem; width: 100% }}
button {{ margin-top: .5rem }}
</style></head>
<body><h1>Steadfast</h1>
<form method="post">
<p><label for="key">The server's key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus></p>
<button>Log in</button>
<p role="alert">{said}</p>
</form></body></html>
"""


def page(said: str = "", status: int = 200) -> HTMLResponse:
    """The form, with what was wrong."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "form-action 'self'; frame-ancestors 'self'",
    }
    return HTMLResponse(_PAGE.format(said=escape(said)), status, headers)


def secret_of(folder: Path) -> str:
    """The key that signs the sessions; kept in a folder, so that they outlive a restart.

    Where the folder cannot be written, they end with the process.
    """
    path = folder / _SECRET
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        return path.read_text(encoding="utf-8") or secrets.token_urlsafe(32)
    except OSError:
        return secrets.token_urlsafe(32)


class Sessions:
    """ASGI middleware that reads and writes the session; over TLS its cookie needs TLS."""

    def __init__(self, app: ASGIApp, *, secret: str, path: str, framed: bool) -> None:
        """Wraps an application.

        Args:
            app: The application.
            secret: Signs the cookie.
            path: The prefix of the server's paths.
            framed: Whether pages of other sites that are allowed may show the page in a frame.
        """
        self._plain = SessionMiddleware(
            app, secret, session_cookie=_COOKIE, path=path or "/", same_site="lax"
        )
        self._over_tls = SessionMiddleware(
            app, secret, session_cookie=_COOKIE, path=path or "/", https_only=True,
            same_site="none" if framed else "lax", partitioned=framed,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on with its session."""
        over_tls = scope.get("scheme") in ("https", "wss")
        await (self._over_tls if over_tls else self._plain)(scope, receive, send)
