"""The API keys of a server: who holds which. They are kept as hashes.

Does not look at requests; see `gate.py`.
"""

import hashlib
import hmac
from pathlib import Path

from robustness.errors import InputError

_SHORTEST = 16
"""Least number of characters of a key, so that nobody guesses it."""
_ALONE = "user"
"""Name of the holder of a key that has no name."""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Keys:
    """The keys and the names of their holders."""

    def __init__(self, names: dict[str, str]) -> None:
        """Takes hash of a key -> name of its holder."""
        self._names = names

    def __bool__(self) -> bool:
        """Whether there is a key, so that requests need one."""
        return bool(self._names)

    def holder(self, key: str) -> str | None:
        """Name of the holder of a key; None if it is not one of the keys."""
        given, found = _hash(key), None
        for known, name in self._names.items():
            if hmac.compare_digest(known, given):
                found = name
        return found

    def mark(self, name: str) -> str:
        """A text that changes with the key of a holder, for sessions; empty if there is none."""
        return next((_hash(known)[:16] for known, n in self._names.items() if n == name), "")


def read(path: Path | None, variable: str) -> Keys:
    """The keys of a file, or else of a variable.

    Args:
        path: A file with a key on each line, with its holder's name before it where there are
            several (`NAME KEY`); `#` begins a comment.
        variable: The same lines; commas separate them, too.

    Raises:
        InputError: The file cannot be read, or has no key, a short one or one name twice.
    """
    text, source = variable.replace(",", "\n"), "$STEADFAST_API_KEY"
    if path is not None:
        source = f"--api-key {path}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{source}: cannot be read ({error})") from error
    names: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, key = words if len(words) == 2 else (_ALONE, words[0])
        if len(words) > 2 or len(key) < _SHORTEST:
            raise InputError(
                f"{source}, line {number}: wanted KEY or NAME KEY, the key without spaces and with "
                f"{_SHORTEST} characters or more; make one with: openssl rand -hex 24"
            )
        if name in names.values() or _hash(key) in names:
            raise InputError(f"{source}, line {number}: the name {name} or its key is there twice")
        names[_hash(key)] = name
    if path is not None and not names:
        raise InputError(f"{source}: the file has no key")
    return Keys(names)
