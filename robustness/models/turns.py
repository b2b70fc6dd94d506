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

_LONGEST_WAIT = {Urgency.LIVE: 0.0, Urgency.LONG: 0.25, Urgency.BATCH: 2.0}
"""Seconds after which a caller that waits counts as the most urgent, so that none starves."""


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

    def rank(self, now: float) -> tuple[int, float]:
        """The smallest is next: the most urgent, and among equals who came first."""
        overdue = now - self.since > _LONGEST_WAIT[self.urgency]
        return (Urgency.LIVE if overdue else self.urgency, self.since)


class _Line:
    """A lock that goes to the most urgent of those who wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: list[_Waiting] = []

    def acquire(self) -> None:
        with self._lock:
            if not self._held:
                self._held = True
                return
            mine = _Waiting(urgency.present(), time.monotonic())
            self._waiting.append(mine)
        mine.turn.wait()

    def release(self) -> None:
        with self._lock:
            if not self._waiting:
                self._held = False
                return
            # The lock stays held and passes to the next caller, so that nobody overtakes it.
            now = time.monotonic()
            chosen = min(self._waiting, key=lambda waiting: waiting.rank(now))
            self._waiting.remove(chosen)
            chosen.turn.set()


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
