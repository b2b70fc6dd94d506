"""Keeps the tables of the last uploads, so that plan, submission and run parse a file once."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from robustness.errors import CancelledError, CorruptFileError, InputError
from robustness.storage.limits import Limits
from server import library
from server.settings import LIMITS

if TYPE_CHECKING:
    from robustness.storage.tables import Table

_KEPT = 2
"""Tables in memory; another one is parsed again when it is asked for."""
_LOOK_SECONDS = 0.2


class Uploads:
    """Parsed tables by name and content. Safe to share among threads."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Keeps nothing yet.

        Args:
            limits: The largest table that is accepted.
        """
        self._limits = limits
        self._kept: OrderedDict[tuple[str, str], Table] = OrderedDict()
        self._lock = threading.Lock()
        self._parsing = threading.Lock()
        """Held while a table is parsed: one at a time, since each takes much memory."""

    def table(
        self, name: str, content: bytes, should_stop: Callable[[], bool] = lambda: False
    ) -> "Table":
        """The table of an upload.

        Args:
            name: The file's name, whose ending gives the format.
            content: The file's bytes.
            should_stop: True ends the parsing, and the waiting for another one to end.

        Raises:
            InputError: The file cannot be read; see `batch.read_table`.
            CancelledError: `should_stop` returned True.
        """
        key = (name, hashlib.sha256(content).hexdigest())
        found = self._known(key)
        if found is not None:
            return found
        while not self._parsing.acquire(timeout=_LOOK_SECONDS):
            if should_stop():
                raise CancelledError("stopped while another table was read")
        try:
            found = self._known(key)
            if found is None:
                found = self._read(name, content, should_stop)
                self._keep(key, found)
        finally:
            self._parsing.release()
        return found

    def _read(self, name: str, content: bytes, should_stop: Callable[[], bool]) -> "Table":
        try:
            return library.batch.read_table(
                content, name, limits=self._limits, should_stop=should_stop
            )
        except CorruptFileError as error:
            # The file was corrupt when it was sent: the client's error, not the server's.
            raise InputError(str(error)) from error

    def forget(self) -> None:
        """Drops the tables, among which may be one whose job was deleted."""
        with self._lock:
            self._kept.clear()

    def _known(self, key: tuple[str, str]) -> "Table | None":
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: tuple[str, str], table: "Table") -> None:
        with self._lock:
            self._kept[key] = table
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
