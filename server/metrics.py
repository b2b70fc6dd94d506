"""Metrics for Prometheus: requests, queues, generations and their tokens, batch jobs."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robustness.types import CompletionChunk
from server.admission import Admission
from server.jobs import Jobs
from server.logs import Thinned

_log = logging.getLogger(__name__)


class _Queues(Collector):
    """The lengths of the queues when the metrics are read."""

    def __init__(self, admission: Admission) -> None:
        self._queues = admission.queues

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        names = ["kind"]
        running = GaugeMetricFamily(
            "steadfast_requests_running", "Requests that are computed.", labels=names
        )
        waiting = GaugeMetricFamily(
            "steadfast_requests_waiting", "Requests that wait to be computed.", labels=names
        )
        refused = CounterMetricFamily(
            "steadfast_queue_full", "Requests refused since the queue was full.", labels=names
        )
        for queue in self._queues:
            running.add_metric([queue.kind], queue.running)
            waiting.add_metric([queue.kind], queue.waiting)
            refused.add_metric([queue.kind], queue.refused)
        yield from (running, waiting, refused)


class _Jobs(Collector):
    """The states of the batch jobs when the metrics are read."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        counts = GaugeMetricFamily("steadfast_jobs", "Batch jobs by state.", labels=["state"])
        for state, number in self._jobs.counts().items():
            counts.add_metric([state], number)
        yield counts
        yield CounterMetricFamily(
            "steadfast_jobs_refused", "Jobs refused since there were too many.",
            value=self._jobs.refused,
        )
        yield GaugeMetricFamily(
            "steadfast_jobs_working", "1 while the workers of the batch jobs run, else 0.",
            value=float(self._jobs.working),
        )
        yield GaugeMetricFamily(
            "steadfast_jobs_unwritable", "1 while the folder of the jobs cannot be written.",
            value=float(self._jobs.problem is not None),
        )


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._told = Thinned(_log)
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
        self._refused = Counter(
            "steadfast_refused",
            "Requests that were not let in, or asked for more than a client may.",
            ["reason"],
            registry=self.registry,
        )
        self._running = Gauge(
            "steadfast_generations_running", "Generations under way.", registry=self.registry
        )

    def watch_queues(self, admission: Admission) -> None:
        """Adds the lengths of the queues."""
        self.registry.register(_Queues(admission))

    def watch_jobs(self, jobs: Jobs) -> None:
        """Adds the states of the jobs."""
        self.registry.register(_Jobs(jobs))

    def refused(self, reason: str, message: str) -> None:
        """Counts and logs a request that was not let in, or asked for more than a client may.

        Args:
            reason: `host`, `origin`, `key`, `keys` (too many wrong ones), `requests`, `rows` or
                `prompts`.
            message: What was wrong.
        """
        self._refused.labels(reason).inc()
        self._told.warning(reason, message)

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
