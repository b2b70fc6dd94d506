"""Sets up logging to standard error for the servers' main programs; thins out repeated lines."""

import logging
import time

_SECONDS = 10.0
"""Seconds between two log lines of one kind."""


def settle() -> None:
    """Shows this project's messages from INFO on, and those of other packages from ERROR on."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(name)s: %(message)s")
    for ours in ("robustness", "server"):
        logging.getLogger(ours).setLevel(logging.INFO)


class Thinned:
    """Logs warnings that clients can cause as often as they like, but not each of one kind."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, message: str) -> None:
        """Logs a warning of a kind, or counts it for the next line of that kind."""
        now = time.monotonic()
        if now - self._last.get(kind, -_SECONDS) < _SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._last[kind] = now
        more = self._left_out.pop(kind, 0)
        self._log.warning(
            "refused (%s): %s%s", kind, message, f" ({more} more before)" if more else ""
        )
