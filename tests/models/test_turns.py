"""Who gets the model next."""

import threading
import time

import pytest

from robustness.models import turns
from robustness.models.turns import Turns
from robustness.urgency import Urgency, each, present, urgent


class Callers:
    """Threads that each take one turn, while the model is held."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self._threads: list[threading.Thread] = []

    def ask(self, name: str, urgency: Urgency) -> None:
        """Starts a caller and returns when it waits."""

        def call() -> None:
            with urgent(urgency), self.turns.taken(None):
                self.order.append(name)

        before = len(self.turns._line._waiting)
        thread = threading.Thread(target=call)
        thread.start()
        self._threads.append(thread)
        while len(self.turns._line._waiting) == before:
            time.sleep(0.001)

    def join(self) -> list[str]:
        """The order in which they had their turns."""
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive()
        return self.order


def test_the_most_urgent_goes_first_and_equals_in_their_order() -> None:
    callers = Callers()
    with callers.turns.taken(None):
        callers.ask("batch", Urgency.BATCH)
        callers.ask("long", Urgency.LONG)
        callers.ask("first", Urgency.LIVE)
        callers.ask("second", Urgency.LIVE)
    assert callers.join() == ["first", "second", "long", "batch"]


def test_whoever_has_waited_too_long_is_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(turns._LONGEST_WAIT, Urgency.BATCH, 0.05)
    callers = Callers()
    with callers.turns.taken(None):
        callers.ask("batch", Urgency.BATCH)
        time.sleep(0.1)
        callers.ask("live", Urgency.LIVE)
    assert callers.join() == ["batch", "live"]


def test_of_many_that_have_waited_too_long_one_is_urgent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(turns._LONGEST_WAIT, Urgency.LONG, 0.2)
    callers = Callers()
    with callers.turns.taken(None):
        callers.ask("long", Urgency.LONG)
        callers.ask("longer", Urgency.LONG)
        time.sleep(0.25)
        callers.ask("first", Urgency.LIVE)
        callers.ask("second", Urgency.LIVE)
    assert callers.join() == ["long", "first", "second", "longer"]


def test_after_a_live_turn_the_next_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(turns._LONGEST_WAIT, Urgency.LONG, 60.0)
    monkeypatch.setattr(turns, "_EXPECTED", 0.5)
    callers = Callers()
    with callers.turns.taken(None):
        callers.ask("long", Urgency.LONG)
    # As a prediction works on what it has read, before it takes its next turn.
    time.sleep(0.05)
    with callers.turns.taken(None):
        callers.order.append("live")
    assert callers.join() == ["live", "long"]


def test_an_error_in_a_turn_passes_the_turn_on() -> None:
    callers = Callers()
    with pytest.raises(ValueError), callers.turns.taken(None):
        callers.ask("next", Urgency.LIVE)
        raise ValueError
    assert callers.join() == ["next"]
    with callers.turns.taken(None):
        pass


def test_items_are_made_with_an_urgency_that_their_taker_does_not_get() -> None:
    made = each(Urgency.LONG, (present() for _ in range(2)))
    assert next(made) is Urgency.LONG
    assert present() is Urgency.LIVE
    assert list(made) == [Urgency.LONG]
