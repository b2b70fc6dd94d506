"""Rows that are done, so that an interrupted run goes on where it stopped.

Refuses to know what a row means: a key and a JSON document a line, appended.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustness.storage import files


class Journal:
    """Append-only JSON lines."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        """Opens the journal.

        Args:
            path: None keeps nothing.
            resume: Whether to take up what an interrupted run left; else it is forgotten.
        """
        self._path = path
        self._done: dict[str, Any] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            path.unlink(missing_ok=True)
        elif path.is_file():
            self._done = self._read(path)

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        done = {}
        text = path.read_text(encoding="utf-8", errors="replace")
        for line in text.split("\n"):
            try:
                row = json.loads(line)
                done[str(row["key"])] = row["value"]
            except (json.JSONDecodeError, KeyError, TypeError):
                # Cut off while it was written: that row is computed again.
                continue
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as out:
                out.write("\n")
        return done

    def __len__(self) -> int:
        return len(self._done)

    def get(self, key: str) -> Any:
        """What was kept for a key; None where nothing was."""
        return self._done.get(key)

    def keep(self, key: str, value: object) -> None:
        """Appends one row, on the disk when this returns."""
        self.keep_all({key: value})

    def keep_all(self, rows: Mapping[str, object]) -> None:
        """Appends rows by their keys, on the disk when this returns."""
        if self._path is None or not rows:
            return
        lines = [
            json.dumps({"key": key, "value": files.plain(value)}, ensure_ascii=False) + "\n"
            for key, value in rows.items()
        ]
        with self._path.open("a", encoding="utf-8") as out:
            out.writelines(lines)
            out.flush()
            os.fsync(out.fileno())
