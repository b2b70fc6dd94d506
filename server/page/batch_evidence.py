"""The evidence of a batch job: an archive with an evidence file for each of its wordings.

Each file is one that `robustness.evidence` makes and checks, without a measurement.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from robustness.errors import CancelledError
from server import library

if TYPE_CHECKING:
    from robustness.storage.tables import Table
    from robustness.wording import Asked
    from robustness.workbench import Workbench

MOST = 200
"""Most wordings of an archive."""


def archive(
    workbench: "Workbench", table: "Table", *, indexes: Path, should_stop: Callable[[], bool]
) -> bytes:
    """A ZIP archive of the evidence files of a table's first `MOST` rows that can be scored.

    Args:
        workbench: The engine, which reads the prompts again.
        table: The rows.
        indexes: The folder of the indexes.
        should_stop: Called between rows; True cancels.

    Raises:
        CancelledError: `should_stop` returned True.
        EngineError: The engine cannot answer.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for number, asked in _asked(workbench, table):
            if should_stop():
                raise CancelledError("the client has left")
            document = library.evidence.record(
                workbench, asked, indexes=indexes, measure=False, should_stop=should_stop
            )
            made.writestr(f"row-{number + 1}.json", library.evidence.text_of(document))
    return out.getvalue()


def _asked(workbench: "Workbench", table: "Table") -> "Iterator[tuple[int, Asked]]":
    """The number of each row that can be scored, with what it asks."""
    found = 0
    for row in table.rows:
        query = library.rows.check(workbench.catalog, row)
        if isinstance(query, library.rows.RowError):
            continue
        yield row.number, library.wording.Asked(
            instruction=str(row.cells["instruction"]), inputs=query.inputs,
            task=None if query.task is None else query.task.id,
        )
        found += 1
        if found == MOST:
            return
