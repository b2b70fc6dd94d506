"""Replaces the files of a folder so that a reader always finds a consistent set.

A folder holds a manifest with the names and hashes of its other files. New files are written beside
the old ones, then the manifest is replaced, then the old files are removed: a process that reads
meanwhile finds the old set or the new one. Does not write the manifest; see `files.write_json`.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from robustness.storage import files


class Generation:
    """The new files of one folder, written before the manifest that names them."""

    def __init__(self, folder: Path, before: Iterable[str] = ()) -> None:
        """Starts a new set of files; writes nothing yet.

        Args:
            folder: The folder of the manifest.
            before: Names of the files that the present manifest lists; they are left unchanged
                until `settle`.
        """
        self._folder = folder
        self._before = frozenset(before)
        self._written: set[str] = set()

    def write(self, name: str, put: Callable[[Path], object]) -> tuple[str, str]:
        """Writes one file.

        Args:
            name: The wanted file name. Where the present manifest uses it for other content, the
                first 12 digits of the new content's hash are put before the ending.
            put: Writes the content to the path that it is given.

        Returns:
            The name that was used, and the SHA-256 in hexadecimal.
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
        """Removes the old files that are no longer used; call it after writing the new manifest."""
        for name in self._before - self._written:
            (self._folder / name).unlink(missing_ok=True)
