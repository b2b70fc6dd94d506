"""What one client may use of the server in a time: requests, rows, prompts, wrong keys.

Counts lie in memory, so a restart forgets them. Does not bound what all clients together ask for;
see `admission.py`.
"""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from robustness.errors import InputError
from server.clients import Client
from server.errors import BusyError
from server.settings import Settings

LIVE = 16
"""Prompts of a prediction for which nothing more is asked."""
MOST_LIVE = 64
"""Prompts of a prediction that chooses how many inputs it reads, at most."""
WHOLE_TASK = 500
"""Prompts that a measurement without a limit counts for."""
_WRONG_KEYS = parse("20/minute")
"""Wrong keys of one address; beyond, none of its keys is looked at."""


class Limits:
    """The limits for each client of one server."""

    def __init__(self, settings: Settings) -> None:
        self._rates = {
            "requests": parse(settings.client_requests),
            "rows": parse(settings.client_rows),
            "prompts": parse(settings.client_prompts),
        }
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def spend(self, what: str, client: Client, number: int = 1) -> None:
        """Counts what a client asks for.

        Args:
            what: `requests`, `rows` or `prompts`.
            client: Who asks.
            number: How many.

        Raises:
            BusyError: The client has used up the limit; nothing is counted.
            InputError: It asks for more at once than it may in the whole time.
        """
        if not client.counted or not number:
            return
        rate = self._rates[what]
        if number > rate.amount:
            raise InputError(
                f"this asks for {number} {what}, and a client of this server may ask for {rate}; "
                f"ask for less at once (the server's operator sets --client-{what})"
            )
        if not self._limiter.hit(rate, what, client.counted, cost=number):
            raise self._used_up(what, rate, client.counted)

    def wrong_key(self, address: str) -> None:
        """Counts a wrong key of an address."""
        self._limiter.hit(_WRONG_KEYS, "keys", address)

    def check_keys(self, address: str) -> None:
        """Checks that an address has not sent too many wrong keys.

        Raises:
            BusyError: It has.
        """
        if not self._limiter.test(_WRONG_KEYS, "keys", address):
            raise self._used_up("wrong keys", _WRONG_KEYS, address)

    def _used_up(self, what: str, rate: RateLimitItem, counted: str) -> BusyError:
        kind = "keys" if what == "wrong keys" else what
        until = self._limiter.get_window_stats(rate, kind, counted).reset_time
        seconds = max(1.0, until - time.time())
        return BusyError(
            f"the limit for one client is used up: {rate} ({what}); try again in {seconds:.0f} s",
            code="rate_limit_exceeded", seconds=seconds,
        )
