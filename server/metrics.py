"""Counters for Prometheus: requests and their seconds, generations and their tokens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robustness.types import CompletionChunk


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "steadfast_requests",
            "Requests by path, method and status.",
            ["path", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "steadfast_request_seconds",
            "Seconds until the reply began.",
            ["path"],
            registry=self.registry,
        )
        self._tokens = Counter(
            "steadfast_tokens",
            "Tokens of finished and stopped generations, read (prompt) and written (completion).",
            ["model", "kind"],
            registry=self.registry,
        )
        self._running = Gauge(
            "steadfast_generations_running", "Generations under way.", registry=self.registry
        )

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    @contextmanager
    def generation(self, model: str) -> Iterator[list[CompletionChunk]]:
        """Counts one generation; the caller appends its last chunk to the yielded list."""
        last: list[CompletionChunk] = []
        with self._running.track_inprogress():
            try:
                yield last
            finally:
                for end in last[-1:]:
                    self._tokens.labels(model, "prompt").inc(end.prompt_tokens)
                    self._tokens.labels(model, "completion").inc(end.completion_tokens)


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class CountRequests:
    """ASGI middleware that counts requests; it does not read bodies, so streams stay streams."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and counts it when its reply starts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route's path, not the request's: job ids would give endlessly many labels.
                path = getattr(scope.get("route"), "path", None) or "other"
                # Likewise a method can be any word that a client sends.
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(path, method, message["status"]).inc()
                self._metrics.seconds.labels(path).observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, counted)
