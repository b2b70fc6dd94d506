"""The tables and figures of the published study [S1], recomputed from its released accuracies.

No model is run.
"""

from pathlib import Path

from robustness.errors import NotFoundError
from robustness.evaluation.defaults import PUBLISHED_ACCURACIES as SHIPPED
from robustness.evaluation.defaults import PUBLISHED_DRAWS as DRAWS
from robustness.evaluation.published import (
    accuracy_tables,
    findings,
    instruction_tables,
    printed_tables,
    released,
)
from robustness.evaluation.published.frames import complete, frame, pick, sets_of
from robustness.evaluation.published.text import table as as_text
from robustness.evaluation.published.values import Figure, PublishedTable, TableRow

_RECOMPUTED = {
    "table3": accuracy_tables.table3,
    "fig2b": accuracy_tables.fig2b,
    "fig3": instruction_tables.fig3,
    "fig6": instruction_tables.fig6,
    "table4": accuracy_tables.table4,
    "findings": findings.findings,
}
_PRINTED = {"table5": printed_tables.table5, "table6": printed_tables.table6}
NAMES = (*_RECOMPUTED, *_PRINTED)


def table(
    name: str, *, results: Path = SHIPPED, seed: int = 0, draws: int = DRAWS
) -> PublishedTable:
    """Recomputes one table or figure.

    Args:
        name: One of `NAMES`.
        results: File of the accuracies, see `released.read_results`.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Raises:
        NotFoundError: There is no such table or no such file.
        CorruptFileError: See `released.read_results`.
        InputError: The results lack an accuracy that the table needs.
    """
    if name in _PRINTED:
        return _PRINTED[name]()
    if name not in _RECOMPUTED:
        raise NotFoundError(f"no table {name!r}; there are {', '.join(NAMES)}")
    return _RECOMPUTED[name](released.read_results(results), seed=seed, draws=draws)


def build(folder: Path, out: Path = SHIPPED) -> Path:
    """Converts the folder that the authors released into the shipped file; returns `out`.

    Raises:
        NotFoundError, CorruptFileError, InputError: See `released.collect`.
    """
    released.write_results(released.collect(folder), out)
    return out


__all__ = [
    "DRAWS", "NAMES", "SHIPPED", "Figure", "PublishedTable", "TableRow", "as_text", "build",
    "complete", "frame", "pick", "sets_of", "table",
]
