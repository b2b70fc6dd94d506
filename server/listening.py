"""Listens on the port of the settings until the server is stopped."""

import sys

import uvicorn
from starlette.types import ASGIApp

from server.headers import SafeHeaders
from server.settings import Settings

GRACE_SECONDS = 5
"""Time that open streams have to end when the server is stopped; a page keeps one open."""
_SWITCH_SECONDS = 0.0005
"""Seconds after which a thread that computes gives way to the one that answers requests; by default
Python waits ten times as long, at each of the several times a request needs it."""


def listen(app: ASGIApp, settings: Settings) -> None:
    """Serves an application until interrupted."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    uvicorn.run(
        # Around everything, since each layer may refuse a request by a reply of its own.
        SafeHeaders(app, framed_by=settings.allow_origins),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        root_path=settings.root_path,
        server_header=False,
        # By default uvicorn believes what anybody on this machine says about where it comes from.
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
    )
