"""Which hosts and origins a server answers to.

A page of another site cannot then use a visitor's browser to reach the server: not by a name of its
own for the server's address (DNS rebinding), and not by sending forms or scripts.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
ANY = "*"


def is_address(name: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def is_local(name: str) -> bool:
    """Whether a host is this machine as only this machine reaches it."""
    name = name.strip("[]").lower()
    if is_address(name):
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    return name == "localhost" or name.endswith(".localhost")


def _host_of(value: str) -> str | None:
    """The host of a `Host` header, without its port; None if it is malformed."""
    try:
        parts = urlsplit(f"//{value}")
        known = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    return known if known and parts.netloc == value and not parts.username else None


def local_path(scope: Scope) -> str:
    """The path of a request without the prefix that a proxy took from it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] or "/" if root and path.startswith(root) else path


class Hosts:
    """The hosts and origins that a server answers to."""

    def __init__(self, host: str, allowed: Iterable[str], origins: Iterable[str]) -> None:
        """Takes no request yet.

        Args:
            host: The address that the server listens on.
            allowed: Further names of the server; `*` allows any, `*.example.org` those below.
            origins: Other sites whose pages may send requests, as in `https://example.org`.
        """
        self._allowed = {name.lower() for name in (host, socket.gethostname(), *allowed)}
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    def host_problem(self, headers: Headers) -> str | None:
        """What is wrong with the host that a request names; None if nothing is."""
        # Gradio builds addresses from the second header, which a proxy sets.
        for name in ("host", "x-forwarded-host"):
            value = headers.get(name)
            if value is None and name != "host":
                continue
            first = (value or "").split(",")[0].strip()
            if not self._allows(_host_of(first)):
                return (
                    f"the server does not answer to the host {first!r}; its operator allows it "
                    "with --allow-host NAME"
                )
        return None

    def _allows(self, name: str | None) -> bool:
        if name is None:
            return False
        # A name is what DNS rebinding needs; an address is no name.
        if ANY in self._allowed or is_local(name) or is_address(name):
            return True
        return any(
            name == known or (known.startswith("*.") and name.endswith(known[1:]))
            for known in self._allowed
        )

    def origin_problem(self, scope: Scope, headers: Headers) -> str | None:
        """Why a page of another site may not send this request; None if it may."""
        if scope["method"] in _SAFE:
            return None
        origin = headers.get("origin")
        if origin is None:
            # Browsers that send no origin tell at least whether the page is another site's.
            if headers.get("sec-fetch-site") in (None, "same-origin", "none"):
                return None
            origin = "null"
        if origin.lower() in self._origins:
            return None
        hosts = {headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower()}
        if origin.lower().partition("://")[2] in hosts - {""}:
            return None
        return (
            f"pages of {origin} may not send requests to this server; its operator allows it with "
            "--allow-origin ORIGIN"
        )
