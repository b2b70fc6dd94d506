"""A cache of results on disk, so that an interrupted run resumes where it stopped.

One JSON line per result, appended: `{"key": ..., "value": ...}`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustness.storage import files


class Journal:
    """An append-only file of JSON lines that maps keys to results."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        """Opens the file.

        Args:
            path: The file; None: results are not kept.
            resume: Whether to load what an earlier run left. False deletes it.
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
                row = files.parse_json(line)
                done[str(row["key"])] = row["value"]
            except (ValueError, KeyError, TypeError):
                # The line was cut off while it was written: its result is computed again.
                continue
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as out:
                out.write("\n")
        return done

    def __len__(self) -> int:
        return len(self._done)

    def get(self, key: str) -> Any:
        """The result kept under a key; None where there is none."""
        return self._done.get(key)

    def keep(self, key: str, value: object) -> None:
        """Appends one result; it is flushed to the disk before this returns."""
        self.keep_all({key: value})

    def keep_all(self, rows: Mapping[str, object]) -> None:
        """Appends several results by key; they are flushed to the disk before this returns."""
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
