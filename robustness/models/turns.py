"""A lock on a model that several callers share, which also switches LoRA adapters.

Does not load adapters; see `adapters` and `peft_lora`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch

from robustness import urgency
from robustness.urgency import Urgency

_LONGEST_WAIT = {Urgency.LIVE: 0.0, Urgency.LONG: 0.1, Urgency.BATCH: 2.0}
"""Seconds without a turn after which one caller of a class counts as the most urgent, so that none
starves. Not for each caller: many texts that are generated would take turn after turn."""
_EXPECTED = 0.025
"""Seconds after a `LIVE` turn in which the next one is waited for: a prediction takes several turns
with other work between them, and the next prediction comes soon where many are asked for."""


class Switch(Protocol):
    """Switches one LoRA adapter of a model on and off."""

    def on(self) -> None:
        """Activates this adapter and no other."""
        ...

    def off(self) -> None:
        """Deactivates all adapters."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """A caller that waits for its turn."""

    urgency: Urgency
    since: float
    turn: threading.Event = field(default_factory=threading.Event)


class _Line:
    """A lock that goes to the most urgent of those who wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: _Waiting | None = None
        self._waiting: list[_Waiting] = []
        self._live_ended = 0.0
        self._served = dict.fromkeys(Urgency, 0.0)
        """When a caller of each class last had its turn."""

    def acquire(self) -> None:
        mine = _Waiting(urgency.present(), time.monotonic())
        with self._lock:
            self._waiting.append(mine)
            self._pass()
        while not mine.turn.wait(None if mine.urgency is Urgency.LIVE else _EXPECTED):
            with self._lock:
                self._pass()

    def release(self) -> None:
        with self._lock:
            if self._holder is not None and self._holder.urgency is Urgency.LIVE:
                self._live_ended = time.monotonic()
            self._holder = None
            self._pass()

    def _pass(self) -> None:
        """Gives the lock, if it is free, to the next caller, so that nobody overtakes it."""
        if self._holder is not None or not self._waiting:
            return
        now = time.monotonic()
        chosen = min(self._waiting, key=lambda waiting: self._rank(waiting, now))
        most_urgent, _ = self._rank(chosen, now)
        if most_urgent > Urgency.LIVE and now - self._live_ended < _EXPECTED:
            return
        self._holder = chosen
        self._waiting.remove(chosen)
        self._served[chosen.urgency] = now
        chosen.turn.set()

    def _rank(self, waiting: _Waiting, now: float) -> tuple[int, float]:
        """The smallest is next: the most urgent, and among equals who came first."""
        since = max(waiting.since, self._served[waiting.urgency])
        overdue = now - since > _LONGEST_WAIT[waiting.urgency]
        return (Urgency.LIVE if overdue else waiting.urgency, waiting.since)


class Turns:
    """The lock of a model, and the adapter that is active in it.

    The next turn is the most urgent caller's (`robustness.urgency`), so that a live prediction
    waits for one forward pass of a batch and not for the batch. An adapter stays active after its
    turn until a caller needs another, since consecutive turns mostly belong to the same caller and
    switching visits all layers.
    """

    def __init__(self) -> None:
        """Starts with all adapters off."""
        self._line = _Line()
        self._active: Switch | None = None

    @contextmanager
    def taken(self, lora: Switch | None) -> Iterator[None]:
        """Holds the lock with an adapter active, or with none; nothing else runs meanwhile."""
        self._line.acquire()
        try:
            with torch.inference_mode():
                if lora is not self._active:
                    if lora is not None:
                        lora.on()
                    elif self._active is not None:
                        self._active.off()
                    self._active = lora
                yield
        finally:
            self._line.release()
