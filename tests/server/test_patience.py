"""Waiting for an engine that stops answering, and answers again or does not."""

import pytest

from robustness.errors import CancelledError, EngineError, RobustnessError
from server.patience import Patience


class Clock:
    """Time that passes only while somebody rests, and an engine that is away until a moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, back: float) -> None:
        self.now, self.back, self.rests = 0.0, back, []
        monkeypatch.setattr("server.patience.time.monotonic", lambda: self.now)

    def rest(self, seconds: float, why: str) -> None:
        assert "away" in why
        self.rests.append(seconds)
        self.now += seconds

    def present(self) -> str:
        if self.now < self.back:
            raise EngineError("it is away")
        return "answer"

    def patience(self, seconds: float) -> Patience:
        return Patience(self.present, seconds=seconds, pause=1, rest=self.rest)


def test_one_that_comes_back_in_time_is_asked_again(monkeypatch) -> None:
    clock = Clock(monkeypatch, back=100)
    assert clock.patience(1000).ask(clock.present) == "answer"
    assert clock.rests[:6] == [1, 2, 4, 8, 15, 15]
    assert 100 <= clock.now < 115


def test_one_that_stays_away_is_given_up_and_costs_the_next_question_no_time(monkeypatch) -> None:
    clock = Clock(monkeypatch, back=1e9)
    patience = clock.patience(60)
    with pytest.raises(RobustnessError, match="away for more than 60 s") as caught:
        patience.ask(clock.present)
    assert not isinstance(caught.value, EngineError)
    given_up = clock.now
    assert given_up >= 60
    with pytest.raises(RobustnessError, match="away for more than 60 s"):
        patience.ask(clock.present)
    assert clock.now == given_up
    clock.back = 0
    assert patience.ask(clock.present) == "answer"
    clock.back = clock.now + 30
    assert patience.ask(clock.present) == "answer"


def test_what_ends_the_engine_each_time_is_given_up_with_the_engine_back(monkeypatch) -> None:
    clock = Clock(monkeypatch, back=0)
    patience = clock.patience(60)
    asked = []

    def deadly() -> None:
        asked.append(clock.now)
        clock.back = clock.now + 20
        raise EngineError("it is away")

    with pytest.raises(RobustnessError, match="tried 3 times"):
        patience.ask(deadly)
    assert len(asked) == 3
    assert clock.present() == "answer"


def test_a_rest_that_is_broken_off_ends_the_question(monkeypatch) -> None:
    clock = Clock(monkeypatch, back=1e9)

    def stop(seconds: float, why: str) -> None:
        raise CancelledError("enough")

    patience = Patience(clock.present, seconds=60, pause=1, rest=stop)
    with pytest.raises(CancelledError):
        patience.ask(clock.present)
