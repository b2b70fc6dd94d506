"""Keeps the tables of the last uploads, so that plan, submission and run parse a file once."""

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from server import library

if TYPE_CHECKING:
    from robustness.storage.tables import Table

_KEPT = 2
"""Tables in memory; another one is parsed again when it is asked for."""


class Uploads:
    """Parsed tables by name and content. Safe to share among threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Table] = OrderedDict()
        self._lock = threading.Lock()

    def table(self, name: str, content: bytes) -> "Table":
        """The table of an upload.

        Args:
            name: The file's name, whose ending gives the format.
            content: The file's bytes.

        Raises: As `batch.read_table`.
        """
        key = (name, hashlib.sha256(content).hexdigest())
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = library.batch.read_table(content, name)
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found
