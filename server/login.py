"""The page on which a visitor gives a key, and the session that remembers it.

The session is a signed cookie. Does not decide which requests need a key; see `gate.py`.
"""

import re
import secrets
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from robustness.storage import files
from server.hosts import local_path

LOGIN = "/login"
_SECRET = ".session-key"
_COOKIE = "steadfast"
_NEXT = "next"
_WORDS = Path(__file__).parent / "page" / "static" / "words"
_ENGLISH = "en"
_HERE = re.compile(r"/(?!/)[!-\[\]-~]*")
"""A path of this server, with a query: browsers read two slashes, or a backslash, as a host."""

_PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Steadfast: {title}</title>
<style>
body {{ font: 16px system-ui, sans-serif; margin: 15vh auto; max-width: 22rem; padding: 0 1rem }}
input, button {{ box-sizing: border-box; font: inherit; padding: .5rem; width: 100% }}
button {{ margin-top: .5rem }}
</style></head>
<body><main><h1>Steadfast</h1>
<form method="post">
<p><label for="key">{key}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus></p>
<button>{title}</button>
<p role="alert">{said}</p>
</form></main></body></html>
"""


def asked_first(scope: Scope) -> str:
    """The path of the login for a visitor who asked for another page, which it names."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = local_path(scope) + (f"?{query}" if query else "")
    named = "" if path == "/" else f"?{_NEXT}={quote(path, safe='')}"
    return f"{scope.get('root_path', '')}{LOGIN}{named}"


def wanted(scope: Scope) -> str:
    """The page of this server that the address of a login names; the first page if it names none.

    Anything but a path here is left out, so that a link to the login leads to no other site.
    """
    query = scope.get("query_string", b"").decode("latin-1")
    path = parse_qs(query).get(_NEXT, ["/"])[0]
    return f"{scope.get('root_path', '')}{path if _HERE.fullmatch(path) else '/'}"


def page(scope: Scope, said: str = "", status: int = 200, **values: object) -> HTMLResponse:
    """The form, with what was wrong.

    Args:
        scope: The request, which says the language.
        said: Key of the words for what was wrong.
        status: The status of the reply.
        values: What the words have in braces.
    """
    language = language_of(scope)
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": language,
        "Vary": "Accept-Language",
        # Who may show it in a frame, `headers.SafeHeaders` says for every page.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "form-action 'self'",
    }
    document = _PAGE.format(
        language=language, title=escape(word("login.title", language)),
        key=escape(word("login.key", language)),
        said=escape(word(said, language).format(**values)) if said else "",
    )
    return HTMLResponse(document, status, headers)


def language_of(scope: Scope) -> str:
    """The language of the page's address, else the one of ours that the browser likes most."""
    address = parse_qs(urlsplit(wanted(scope)).query)
    liked = [(1.0, name) for name in address.get("lang", ())]
    for part in Headers(scope=scope).get("accept-language", "").split(","):
        name, _, quality = part.strip().partition(";")
        found = re.fullmatch(r"q=([01](?:\.\d*)?)", quality.strip())
        liked.append((float(found[1]) if found else 1.0, name))
    liked.sort(key=lambda pair: -pair[0])
    known = _languages()
    names = (name.strip().lower().partition("-")[0] for quality, name in liked if quality)
    return next((name for name in names if name in known), _ENGLISH)


@cache
def _languages() -> frozenset[str]:
    return frozenset(path.stem for path in _WORDS.glob("*.json"))


@cache
def _table(language: str) -> dict[str, str]:
    found: dict[str, str] = files.read_json(_WORDS / f"{language}.json")
    return found


def word(key: str, language: str) -> str:
    """The page's words of a key."""
    return _table(language)[key]


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
