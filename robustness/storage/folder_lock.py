"""A folder that one process at a time writes to.

Does not wait for the other process: it is refused, and the message names it.
"""

import errno
import fcntl
import logging
import os
from pathlib import Path

from robustness.errors import InputError

_FILE = ".lock"
_HELD = (errno.EWOULDBLOCK, errno.EACCES)

_log = logging.getLogger(__name__)


class FolderLock:
    """Held from the constructor to `close`, or to the end of the process however it ends."""

    def __init__(self, folder: Path, advice: str) -> None:
        """Makes the folder and locks it.

        Args:
            folder: What is locked.
            advice: What to do where that fails, as the end of the error's sentence.

        Raises:
            InputError: Another process holds it, or the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / _FILE).open("a+", encoding="utf-8")
            if not os.access(folder, os.W_OK | os.X_OK):
                self._file.close()
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise InputError(
                f"the folder {folder} cannot be written ({error.strerror}); {advice}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                # Some network file systems have no locks: nothing is known of other processes.
                _log.warning("the folder %s is not locked: %s", folder, error.strerror)
                return
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise InputError(
                f"the folder {folder} is in use by another process ({holder}); {advice}"
            ) from None
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n")
            self._file.flush()
        except OSError as error:
            _log.warning("the folder %s cannot be written: %s", folder, error.strerror)

    def close(self) -> None:
        """Lets the folder go."""
        self._file.close()
