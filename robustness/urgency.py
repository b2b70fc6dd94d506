"""How urgent the work of the present thread is, for locks that several callers share.

A caller states it with `urgent`; see `models/turns.py`, which reads it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import TypeVar


class Urgency(IntEnum):
    """Classes of work, the most urgent first."""

    LIVE = 0
    """Somebody waits for one short answer."""
    LONG = 1
    """Somebody waits for an answer that takes many prompts."""
    BATCH = 2
    """Nobody waits."""


_Item = TypeVar("_Item")
_PRESENT = ContextVar("urgency", default=Urgency.LIVE)


def present() -> Urgency:
    """The urgency of this thread or task; `LIVE` where none was stated."""
    return _PRESENT.get()


@contextmanager
def urgent(urgency: Urgency) -> Iterator[None]:
    """Context in which this thread or task has an urgency."""
    token = _PRESENT.set(urgency)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def each(urgency: Urgency, items: Iterable[_Item]) -> Iterator[_Item]:
    """Yields items that are computed with an urgency; whoever takes them keeps their own."""
    iterator = iter(items)
    while True:
        # Not around the `yield`, since the next item may be asked for by another thread.
        with urgent(urgency):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
