"""Scores a table of instructions in one process: predicts and measures each row.

The table is read once, each row is checked once (`rows.py`) and scored (`row_scorer.py`), and the
result is written once. The result's columns are described in DESIGN.md. Does not handle file
formats; see `storage/tables.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robustness.errors import CancelledError, EngineError, RobustnessError
from robustness.prediction.catalog import Catalog
from robustness.prediction.predictor import Predictor
from robustness.prediction.query import Query
from robustness.scoring import result_columns, row_scorer, rows, scored_row
from robustness.scoring.rows import RowError, example_of, read_inputs
from robustness.scoring.scored_row import COLUMNS, ScoredRow
from robustness.storage.limits import UNLIMITED, Limits
from robustness.storage.result_cache import Journal
from robustness.storage.table_writing import write_table
from robustness.storage.tables import RowInput, Table, read_table
from robustness.types import content_id
from robustness.workbench import Workbench

__all__ = [
    "COLUMNS", "Ask", "Plan", "ScoredRow", "example_of", "plan", "read_inputs", "read_table",
    "score", "score_file", "summary", "write",
]

Ask = Callable[[Callable[[], Any]], Any]
"""Calls a function, and repeats the call if the engine does not answer; see `score`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The number of rows and prompts of a table, before it is scored."""

    rows: int
    calls: int
    """Number of prompts that the models would read."""
    bad_rows: int
    errors: Mapping[int, str] = field(default_factory=dict)
    """Row number -> what is wrong with it."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Column of the table -> its name in the result, where we add one of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The numbers of scored rows and errors of a table."""

    out: str
    rows: int
    errors: int
    renamed: Mapping[str, str] = field(default_factory=dict)
    """See `Plan.renamed`."""


def summary(scored: Sequence[ScoredRow], out: Path, table: Table) -> Summary:
    """Counts of a scored table."""
    return Summary(
        out=str(out), rows=len(scored), errors=sum(row.status == "error" for row in scored),
        renamed=result_columns.renamed(table),
    )


def plan(
    table: Table, workbench: Workbench, *, limits: Limits = UNLIMITED,
    should_stop: Callable[[], bool] = lambda: False,
) -> Plan:
    """Checks a table and counts the prompts, without running a model.

    Args:
        table: A table of `read_table`.
        workbench: As in `score`.
        limits: Limit the prompts.
        should_stop: Called between rows; True cancels.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: The original model has no fitting index.
        InputError: The table takes more prompts than the limit.
        CancelledError: `should_stop` returned True.
    """
    catalog = workbench.catalog
    predictor = Predictor(catalog)
    calls, errors = 0, {}
    for row in table.rows:
        if should_stop():
            raise CancelledError(f"the plan was stopped after {row.number} rows")
        checked = rows.check(catalog, row)
        if isinstance(checked, RowError):
            errors[row.number] = checked.reason
        else:
            calls += _calls(catalog, predictor, checked)
            limits.check("prompts", calls, "the table")
    return Plan(
        rows=len(table.rows), calls=calls, bad_rows=len(errors), errors=errors,
        renamed=result_columns.renamed(table),
    )


def _calls(catalog: Catalog, predictor: Predictor, query: Query) -> int:
    """Number of prompts that the models read for one row."""
    wanted, asked = predictor.wanted(query), rows.asked_inputs(query)
    alone = 0 if wanted else 1
    first = len({e.id for e in (*wanted, *asked)})
    others = len({e.id for e in asked}) * (len(catalog.compared) - 1)
    return alone + first + others


def identity(workbench: Workbench) -> list[str]:
    """The identities of the index and the served models, on which every result depends.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: See `Workbench.index`.
    """
    return [workbench.index().digest, *(str(m.spec) for m in workbench.engine.models())]


def key_of(row: RowInput, told: Sequence[str]) -> str:
    """The key of a row's result in the journal.

    Args:
        row: The row.
        told: The result of `identity`.
    """
    return f"{row.number}:{content_id(row.cells, told)}"


def result(
    workbench: Workbench,
    row: RowInput,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> ScoredRow:
    """Scores one row; the result of an invalid row has the error.

    Raises:
        CancelledError: `should_stop` returned True.
        EngineError: The engine stopped answering.
    """

    def scored() -> ScoredRow:
        checked = rows.check(workbench.catalog, row)
        if isinstance(checked, RowError):
            return ScoredRow(status="error", error=checked.reason)
        return row_scorer.score_row(checked, workbench.catalog, should_stop)

    try:
        made: ScoredRow = scored() if ask is None else ask(scored)
        return made
    except (CancelledError, EngineError):
        raise
    except RobustnessError as error:
        return ScoredRow(status="error", error=str(error))


def score(
    table: Table,
    workbench: Workbench,
    *,
    journal: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> list[ScoredRow]:
    """Scores every row; an invalid one gets the `status` error with the reason.

    Args:
        table: A table of `read_table`.
        workbench: Its original and first aligned model are compared.
        journal: File for the results of finished rows; the caller removes it when the output is
            written.
        resume: Whether to continue from an existing journal.
        on_progress: Called with (rows done, rows).
        should_stop: Called between rows and within long ones; True cancels.
        ask: Calls the function that scores a row; by default once. If it raises EngineError, the
            scoring ends; any other RobustnessError is the error of the row.

    Returns:
        The results of the rows, in order.

    Raises:
        CancelledError: `should_stop` returned True; the journal keeps what is done.
        NotFoundError, MismatchError, CorruptFileError: The original model has no fitting index.
        EngineError: The engine stopped answering.
    """
    log = Journal(journal, resume=resume)
    told = identity(workbench) if ask is None else ask(lambda: identity(workbench))
    results = []
    for row in table.rows:
        if should_stop is not None and should_stop():
            raise CancelledError(f"stopped after {row.number} of {len(table.rows)} rows")
        key = key_of(row, told)
        done = scored_row.kept(log.get(key))
        if done is None:
            done = result(workbench, row, should_stop, ask)
            log.keep(key, done.document())
        results.append(done)
        if on_progress is not None:
            on_progress(row.number + 1, len(table.rows))
    return scored_row.adjusted(results)


def write(path: Path, table: Table, scored: Sequence[ScoredRow]) -> None:
    """Writes the input's columns, named by `result_columns`, then `COLUMNS`.

    Raises:
        InputError: The ending is unknown.
    """
    write_table(
        path, [*result_columns.names(table), *COLUMNS],
        [
            [*(row.cells[column] for column in table.columns), *made.cells()]
            for row, made in zip(table.rows, scored, strict=True)
        ],
    )


def score_file(
    source: Path,
    target: Path,
    workbench: Workbench,
    *,
    table: Table | None = None,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> list[ScoredRow]:
    """Reads, scores and writes a table; until it is written, a journal lies next to the target.

    Args:
        source: A table file.
        target: Where to write; the ending gives the format.
        workbench: As in `score`.
        table: The source as it was read already; by default it is read here.
        resume: As in `score`.
        on_progress: As in `score`.
        should_stop: As in `score`.
        ask: As in `score`.

    Raises: As `read_table`, `score` and `write`.
    """
    if table is None:
        table = read_table(source)
    journal = target.with_name(f".{target.name}.journal")
    scored = score(
        table, workbench, journal=journal, resume=resume, on_progress=on_progress,
        should_stop=should_stop, ask=ask,
    )
    write(target, table, scored)
    journal.unlink(missing_ok=True)
    return scored
