"""Repeats calls to an engine that does not answer, until it does or a time limit is reached."""

import time
from collections.abc import Callable
from typing import TypeVar

from robustness.errors import EngineError, RobustnessError

_TRIES = 3
_LONGEST_PAUSE = 15.0

_Answer = TypeVar("_Answer")


class Patience:
    """Waits for the engine during one job; gives up on a call that fails each time it is back."""

    def __init__(
        self,
        present: Callable[[], object],
        *,
        seconds: float,
        pause: float,
        rest: Callable[[float, str], None],
    ) -> None:
        """Makes no call yet.

        Args:
            present: Called to see whether the engine answers; raises EngineError if it does not.
            seconds: Longest time without an answer.
            pause: Seconds before `present` is called again; doubled each time, up to 15.
            rest: Called with the seconds to sleep and the reason; must raise CancelledError if the
                job was cancelled meanwhile.
        """
        self._present = present
        self._seconds = seconds
        self._pause = pause
        self._rest = rest
        self._since: float | None = None
        """Time since when the engine has not answered; None where it answers."""

    def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """The result of a call, repeated while the engine does not answer.

        Raises:
            RobustnessError: The engine did not answer for too long; or it answered again each time
                and then failed at this call, which may be what makes it fail.
            CancelledError: See `rest`.
        """
        for tries in range(1, _TRIES + 1):
            try:
                answer = call()
            except EngineError as error:
                # After the last try too, so that the next call finds an engine that answers.
                self._wait(error)
                if tries == _TRIES:
                    raise RobustnessError(f"{error} (tried {_TRIES} times)") from error
            else:
                self._since = None
                return answer
        raise AssertionError("the last try either answers or raises")

    def _wait(self, error: EngineError) -> None:
        """Waits until the engine answers again."""
        begun = self._since = time.monotonic() if self._since is None else self._since
        pause = self._pause
        while True:
            if time.monotonic() - begun >= self._seconds:
                raise RobustnessError(
                    f"{error} (the engine was away for more than {self._seconds:.0f} s; "
                    "score the row again when it is back)"
                ) from error
            self._rest(pause, str(error))
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                self._present()
            except EngineError as still:
                error = still
            else:
                self._since = None
                return
