"""Reads the scored rows of a job: those of the journal while it runs, then those of the result.

Does not score; see `server.jobs`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from server import library

if TYPE_CHECKING:
    from robustness.storage.tables import Table


def _from_journal(path: Path) -> dict[int, Mapping[str, Any]]:
    """Number of a row -> its result, as far as the journal has it."""
    if not path.is_file():
        return {}
    found: dict[int, Mapping[str, Any]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            found[int(str(row["key"]).split(":", 1)[0])] = dict(row["value"])
        except (ValueError, KeyError, TypeError):
            continue  # the line is being written
    return found


def _from_result(path: Path) -> dict[int, Mapping[str, Any]]:
    """Number of a row -> its result, from the written table."""
    # Only an empty cell is none: `null` may be an option.
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    kept = table[[c for c in library.batch.COLUMNS if c in table.columns]]
    rows = kept.astype(object).where(kept.notna(), None).to_dict("records")
    return {n: {str(k): v for k, v in row.items()} for n, row in enumerate(rows)}


def rows(result: Path, table: "Table") -> list[dict[str, Any]]:
    """The finished rows of a job, in the order of the table.

    Args:
        result: The file of the result, beside which the journal lies.
        table: The table that is scored.
    """
    journal = result.with_name(f".{result.name}.journal")
    done = _from_result(result) if result.is_file() else _from_journal(journal)
    return [
        {
            "number": row.number, "instruction": str(row.cells.get("instruction", "")),
            "task": str(row.cells.get("task", "")), "single": bool(row.cells.get("input")),
            **done[row.number],
        }
        for row in table.rows
        if row.number in done
    ]
