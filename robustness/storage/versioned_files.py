"""The files that one manifest vouches for, written beside those of the manifest before.

Refuses to know what is in them: a name, something that writes, a hash.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from robustness.storage import files


class Generation:
    """Files of one folder that belong to a manifest that is written last."""

    def __init__(self, folder: Path, before: Iterable[str] = ()) -> None:
        """Writes nothing yet.

        Args:
            folder: Of the manifest.
            before: Files that the manifest there names; they are left as they are until `settle`.
        """
        self._folder = folder
        self._before = frozenset(before)
        self._written: set[str] = set()

    def write(self, name: str, put: Callable[[Path], object]) -> tuple[str, str]:
        """Writes one file.

        Args:
            name: The usual one; where the manifest before names other content so, the hash of
                the content is put in front of the ending.
            put: Writes to the path that it is given.

        Returns:
            The name and the SHA-256.
        """
        fresh = self._folder / f".{name}.new"
        with files.atomic_path(fresh) as temporary:
            put(temporary)
        sha256 = files.file_hash(fresh)
        if name in self._before and files.file_hash(self._folder / name) != sha256:
            stem, _, ending = name.rpartition(".")
            name = f"{stem}.{sha256[:12]}.{ending}"
        fresh.replace(self._folder / name)
        self._written.add(name)
        return name, sha256

    def settle(self) -> None:
        """Removes what only the manifest before named; the new one must be in its place."""
        for name in self._before - self._written:
            (self._folder / name).unlink(missing_ok=True)
