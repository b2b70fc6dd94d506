"""How long a job waits for an engine that is away.

Refuses to know jobs and rows: it asks, waits, and asks again.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from robustness.errors import EngineError, RobustnessError

_TRIES = 3
_LONGEST_PAUSE = 15.0

_Answer = TypeVar("_Answer")


class Patience:
    """Of one job. An engine that is away is waited for; one that fails again and again is not."""

    def __init__(
        self,
        present: Callable[[], object],
        *,
        seconds: float,
        pause: float,
        rest: Callable[[float, str], None],
    ) -> None:
        """Asks nothing yet.

        Args:
            present: Raises EngineError while the engine is away.
            seconds: It may be away at a stretch.
            pause: Seconds before it is looked for; doubled each time, up to 15.
            rest: Waits so many seconds, told why; raises CancelledError where nobody wants it to.
        """
        self._present = present
        self._seconds = seconds
        self._pause = pause
        self._rest = rest
        self._since: float | None = None
        """When it went away, where it has not been seen since."""

    def ask(self, call: Callable[[], _Answer]) -> _Answer:
        """What the call gives, as soon as the engine is there for it.

        Raises:
            RobustnessError: The engine was away for too long, or came back each time and failed
                again: what was asked may be what ends it.
            CancelledError: See `rest`.
        """
        for tries in range(1, _TRIES + 1):
            try:
                answer = call()
            except EngineError as error:
                # After the last try too: what is asked next should find an engine.
                self._wait(error)
                if tries == _TRIES:
                    raise RobustnessError(f"{error} (tried {_TRIES} times)") from error
            else:
                self._since = None
                return answer
        raise AssertionError("the last try either answers or raises")

    def _wait(self, error: EngineError) -> None:
        """Until the engine answers again."""
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
