"""Lets a bounded number of requests compute at once and a bounded number wait; refuses the rest.

A refusal is `BusyError`, which becomes a reply 429 with `Retry-After`. Does not order the callers
of one model; see `robustness.urgency`.
"""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from starlette.types import Scope

from server.errors import BusyError
from server.logs import Thinned
from server.settings import Settings

_log = logging.getLogger(__name__)
EXPECTED = "steadfast.expected"
"""Key of an ASGI scope: the queue that expects the request, and its token."""
_CROWD_SECONDS = 10.0
"""Seconds for which a refused request counts among those that will come again."""
_LONGEST_PAUSE = 30
_ARRIVAL_SECONDS = 0.5
"""Seconds for which there is room for a request whose body is read."""
_SMOOTHING = 0.2
"""Weight of the newest request in the mean of the seconds that a request takes."""


class Queue:
    """The requests of one kind: those that compute, and those that wait for one of them to end."""

    def __init__(self, kind: str, *, at_once: int, waiting: int, seconds: float) -> None:
        """Starts empty.

        Args:
            kind: Name of the requests in messages and metrics, plural.
            at_once: Number of requests that compute at once.
            waiting: Number of further requests that wait.
            seconds: Longest time that a request waits.
        """
        self.kind = kind
        self._at_once = at_once
        self._longest_queue = waiting
        self._seconds = seconds
        self._running = 0
        self._waiting: deque[Future[None]] = deque()
        self._expected: dict[object, float] = {}
        """Requests whose bodies are read -> when they began."""
        self._lock = threading.Lock()
        self._mean = 0.5
        self._crowd = 0.0
        self._refused_at = 0.0
        self._told = Thinned(_log)
        self.refused = 0
        """Number of requests that were refused because the queue was full or did not move."""

    @property
    def running(self) -> int:
        """Number of requests that compute."""
        return self._running

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return len(self._waiting)

    def expect(self) -> object:
        """Keeps room for a request that has begun to arrive; for `arrived`.

        So that of many that begin at once, most are refused before they are read, and not after.
        Who sends slowly keeps room for a moment only.

        Raises:
            BusyError: There is no room.
        """
        with self._lock:
            now = time.monotonic()
            self._expected = {
                coming: begun for coming, begun in self._expected.items()
                if now - begun < _ARRIVAL_SECONDS
            }
            taken = self._running + len(self._waiting) + len(self._expected)
            if taken >= self._at_once + self._longest_queue:
                raise self._refusal("is full")
            coming = object()
            self._expected[coming] = now
        return coming

    def arrived(self, coming: object) -> None:
        """Says that an expected request takes its place in a queue, or has ended without one."""
        with self._lock:
            self._expected.pop(coming, None)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Context of a thread's request; waits for its turn.

        Raises:
            BusyError: The queue is full, or the wait was too long.
        """
        place = self._place()
        try:
            wait({place}, self._seconds)
            if not place.done():
                raise self._refusal("did not move in time")
        except BaseException:
            self._give_up(place)
            raise
        with self._timed():
            yield

    @asynccontextmanager
    async def entered_async(self) -> AsyncIterator[None]:
        """`entered` for a task of the event loop; one that is cancelled leaves the queue.

        Raises:
            BusyError: See `entered`.
        """
        place = self._place()
        try:
            # Not `wait_for`, which in Python 3.11 may swallow a cancellation, and with it the turn.
            await asyncio.wait({asyncio.wrap_future(place)}, timeout=self._seconds)
            if not place.done():
                raise self._refusal("did not move in time")
        except BaseException:
            self._give_up(place)
            raise
        with self._timed():
            yield

    def _place(self) -> "Future[None]":
        """A place in the queue, done when the request may compute."""
        place: Future[None] = Future()
        with self._lock:
            if self._running < self._at_once:
                self._running += 1
                place.set_result(None)
            elif len(self._waiting) < self._longest_queue:
                self._waiting.append(place)
            else:
                raise self._refusal("is full")
        return place

    def _refusal(self, why: str) -> BusyError:
        self.refused += 1
        now = time.monotonic()
        self._crowd = 1 + self._crowd * math.exp((self._refused_at - now) / _CROWD_SECONDS)
        self._refused_at = now
        # Until those who wait and those who were refused lately have had their turns.
        ahead = len(self._waiting) + self._crowd
        seconds = min(_LONGEST_PAUSE, max(1, math.ceil(self._mean * ahead / self._at_once)))
        message = f"the server is busy: the queue of {self.kind} {why}; try again in {seconds} s"
        self._told.warning(self.kind, message)
        return BusyError(message, seconds=seconds)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            taken = time.monotonic() - begun
            self._mean += _SMOOTHING * (taken - self._mean)
            self._leave()

    def _give_up(self, place: "Future[None]") -> None:
        """Takes a request out of the queue, or gives back the turn that it has got meanwhile."""
        with self._lock:
            waits = place in self._waiting
            if waits:
                self._waiting.remove(place)
        if not waits:
            self._leave()

    def _leave(self) -> None:
        """Passes the turn to whoever waits longest."""
        with self._lock:
            if not self._waiting:
                self._running -= 1
                return
            following = self._waiting.popleft()
        following.set_result(None)


def take_place(scope: Scope) -> None:
    """Gives back the room that was kept for a request while it arrived."""
    queue, coming = scope.pop(EXPECTED, (None, None))
    if queue is not None:
        queue.arrived(coming)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The queues of a server."""

    predictions: Queue
    """Short requests, for which somebody waits."""
    generations: Queue
    """Requests that take many prompts or tokens: generated text, measurements, long lists."""
    uploads: Queue
    """Tables that are parsed."""

    def queue_of(self, path: str) -> Queue | None:
        """The queue of a path's requests, where the path alone tells it."""
        return {
            "/robustness/v1/predict": self.predictions,
            "/robustness/v1/compare": self.predictions,
            "/robustness/v1/measure": self.generations,
            "/v1/completions": self.generations,
            "/v1/chat/completions": self.generations,
            "/v1/responses": self.generations,
            "/robustness/v1/jobs": self.uploads,
            "/page/v1/wording": self.predictions,
            "/page/v1/answers": self.predictions,
            "/page/v1/measure": self.generations,
            "/page/v1/advise": self.generations,
            "/page/v1/reliance": self.generations,
            "/page/v1/evidence": self.generations,
            "/page/v1/write": self.generations,
            "/page/v1/replay": self.uploads,
            "/page/v1/batch/check": self.uploads,
            "/page/v1/batch/jobs": self.uploads,
        }.get(path)

    @property
    def queues(self) -> tuple[Queue, ...]:
        """All queues."""
        return (self.predictions, self.generations, self.uploads)


def admission_of(settings: Settings) -> Admission:
    """The queues with the lengths of the settings."""

    def queue(kind: str, at_once: int, waiting: int) -> Queue:
        return Queue(kind, at_once=at_once, waiting=waiting, seconds=settings.queue_seconds)

    return Admission(
        predictions=queue("predictions", settings.predictions, settings.waiting_predictions),
        generations=queue("generations", settings.generations, settings.waiting_generations),
        uploads=queue("uploads", settings.uploads, settings.waiting_uploads),
    )
