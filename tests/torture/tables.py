"""Tables made by hypothesis: read, planned, scored, written and read again.

A row that was written well must come back as it was written, and a bad row must carry an error and
cost no other. Most rows are scored by a stand-in for the model; every hundredth table by the model.
"""

import csv
import io
import json
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from robustness.errors import RobustnessError
from robustness.scoring import batch, result_columns, row_scorer
from robustness.scoring.scored_row import COLUMNS, ScoredRow
from robustness.storage import cells, tables
from robustness.workbench import Workbench
from tests.torture.outcome import CRASHES, LOST, Outcome

_MODEL_EVERY = 100
_FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
_FURTHER = ("note", "a b", "x1", "Größe", "value", "accuracy", "model", "row", "<b>", "{text}")
_TASKS = ("", "subjectivity", "scene_topic", "nowhere", "../../etc/passwd", "=1+1")
_INPUTS = (
    "", "a warm, witty film", "They cooked rice.", '{"text": "a"}', "[[[[", '{"a": {"b": 1}}', "0",
)
_OPTIONS = (
    "", "good|bad", "a|b|c", "a", "|", r"a\|b|c", '["x", "y"]', "|".join(map(str, range(30))),
)
_INSERTED = (b'"', b"\n", b"\x00", b"\xff", b"\\", b"[" * 500)
_WHOLE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
_CELLS = st.one_of(
    _WHOLE, st.sampled_from(("", "=1+1", "-3", "a\nb", 'a"b', "a,b", "a;b", "\ta", "'", "NaN", "é"))
)
_TYPED = st.one_of(
    _CELLS, st.integers(-(2**62), 2**62), st.booleans(), st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(_WHOLE, max_size=3), st.dictionaries(_WHOLE, _WHOLE, max_size=2),
)


@dataclass(frozen=True)
class Made:
    """A table with what must come out of it."""

    suffix: str
    data: bytes
    columns: list[str]
    good: dict[int, dict[str, Any]]
    """Row number -> column -> value as it was written."""
    rows: int | None
    """Number of rows; None: the bytes were damaged, so that nothing is promised."""


def _bad_line(draw: Callable[..., Any], suffix: str, columns: int) -> bytes:
    if suffix in (".csv", ".tsv"):
        separator = b"\t" if suffix == ".tsv" else b","
        return draw(st.sampled_from((
            separator.join([b"x"] * (columns + 2)), b"caf\xe9 \xff\xfe" + separator, b"x" * 140_000,
        )))
    return draw(st.sampled_from((
        b"{broken", b"[1]", b"3", b'{"instruction": "a\\ud800"}', b"[" * 2_000,
        b'{"instruction": ' + b"9" * 5_000 + b"}",
        b'{"instruction": ' + b"[" * 50 + b"]" * 50 + b"}",
        b"\xff\xfe",
    )))


@st.composite
def made(draw: Callable[..., Any]) -> Made:
    """A table in one of the formats."""
    suffix = draw(st.sampled_from(_FORMATS))
    meant = draw(st.lists(st.sampled_from(tables.NAMES[1:]), unique=True, max_size=5))
    further = draw(st.lists(st.sampled_from(_FURTHER), unique=True, max_size=3))
    columns = ["instruction", *meant, *further]
    text = suffix in (".csv", ".tsv", ".parquet")
    values = _CELLS if text else _TYPED
    special = {
        "instruction": st.one_of(_CELLS, st.just("Say if this is a view or a fact: {text}")),
        "task": st.sampled_from(_TASKS), "options": st.sampled_from(_OPTIONS),
        "input": st.one_of(st.sampled_from(_INPUTS), values),
        "answer": st.sampled_from(("", "good", "bad", "true")),
    }
    rows = draw(st.lists(
        st.fixed_dictionaries({c: special.get(c, values) for c in columns}),
        min_size=draw(st.sampled_from((0, 1, 1, 3))), max_size=6,
    ))
    lines: list[bytes] = []
    good: dict[int, dict[str, Any]] = {}
    if suffix == ".parquet":
        out = io.BytesIO()
        pd.DataFrame(rows, columns=columns, dtype=object).to_parquet(out)
        whole = Made(suffix, out.getvalue(), columns, dict(enumerate(rows)), len(rows))
        return _damaged(draw, whole)
    bad = draw(st.lists(st.integers(0, 6), max_size=2)) if suffix != ".json" else []
    for number, row in enumerate(rows):
        for _ in range(bad.count(number)):
            lines.append(_bad_line(draw, suffix, len(columns)))
        good[len(lines)] = row
        lines.append(_line(row, columns, suffix))
    if suffix == ".json":
        data = json.dumps(rows, ensure_ascii=draw(st.booleans())).encode()
    else:
        head = [_line(dict(zip(columns, columns, strict=True)), columns, suffix)]
        end = draw(st.sampled_from((b"\n", b"\r\n")))
        data = b"".join(line + end for line in (head if suffix != ".jsonl" else []) + lines)
        if suffix != ".jsonl" and draw(st.booleans()):
            data = b"\xef\xbb\xbf" + data
    return _damaged(draw, Made(suffix, data, columns, good, len(lines)))


def _line(row: dict[str, Any], columns: list[str], suffix: str) -> bytes:
    if suffix in (".json", ".jsonl"):
        return json.dumps(row).encode()
    out = io.StringIO(newline="")
    separator = "\t" if suffix == ".tsv" else ","
    csv.writer(out, delimiter=separator, lineterminator="", quoting=csv.QUOTE_ALL).writerow(
        [row[c] for c in columns]
    )
    return out.getvalue().encode()


def _damaged(draw: Callable[..., Any], table: Made) -> Made:
    """The table, or one in four with bytes cut off or changed."""
    kind = draw(st.integers(0, 11))
    data = bytearray(table.data)
    if kind > 2 or not data:
        return table
    place = draw(st.integers(0, len(data) - 1))
    if kind == 0:
        del data[place:]
    elif kind == 1:
        data[place] = draw(st.integers(0, 255))
    else:
        data[place:place] = draw(st.sampled_from(_INSERTED))
    return Made(table.suffix, bytes(data), table.columns, {}, None)


def _same(written: Any, read: Any) -> bool:
    """Whether a cell came back; lists and objects come as their text."""
    if isinstance(written, list):
        return isinstance(read, str)
    return cells.text_of(written) == cells.text_of(read)


def _compare(table: Made, read: tables.Table) -> str | None:
    if len(read.rows) != table.rows:
        return f"{table.rows} rows became {len(read.rows)}"
    for number, row in table.good.items():
        found = read.rows[number]
        if found.broken:
            return f"the good row {number} has the error {found.broken}"
        for column, value in row.items():
            if not _same(value, found.cells[column]):
                return f"row {number}, {column}: {value!r} became {found.cells[column]!r}"
    bad = set(range(table.rows or 0)) - set(table.good)
    quiet = [n for n in bad if not read.rows[n].broken]
    return f"the bad rows {quiet} have no error" if quiet else None


def _stand_in(*_: object, **__: object) -> ScoredRow:
    return ScoredRow(nearest_observed="none", tier="distance")


def _scored(
    read: tables.Table, suffix: str, workbench: Workbench, folder: Path, tried: bool,
    outcome: Outcome,
) -> str | None:
    """Plans, scores and writes a table, and compares what is read again."""
    plan = batch.plan(read, workbench)
    real = row_scorer.score_row
    try:
        if not tried:
            row_scorer.score_row = _stand_in
        scored = batch.score(read, workbench)
    finally:
        row_scorer.score_row = real
    outcome.counts["rows scored"] += len(scored)
    wrong = {n for n, row in enumerate(scored) if row.status == "error"}
    if wrong != set(plan.errors):
        return f"the plan has the bad rows {sorted(plan.errors)}, the run {sorted(wrong)}"
    out = folder / f"out{suffix}"
    batch.write(out, read, scored)
    if not read.rows:
        return None
    again = tables.read_table(out)
    if len(again.rows) != len(read.rows):
        return f"{len(read.rows)} rows were written, {len(again.rows)} read again"
    names = dict(zip(read.columns, result_columns.names(read), strict=True))
    for row, came in zip(read.rows, again.rows, strict=True):
        for column, value in row.cells.items():
            if row.broken:
                continue
            wanted = value
            if suffix in (".csv", ".tsv"):
                wanted = cells.guarded(value) if isinstance(value, str) else value
            name = names[column]
            found = came.cells[column if column in came.cells and column not in COLUMNS else name]
            if isinstance(wanted, str) and found != wanted:
                return f"row {row.number}, {column}: {wanted!r} was written, {found!r} read"
    return None


def run(workbench: Workbench, *, number: int, start: int) -> Outcome:
    """Makes tables and scores them.

    Args:
        workbench: The embedded model's.
        number: How many tables.
        start: The seed.
    """
    outcome = Outcome("tables made by hypothesis", f"{number} tables", (CRASHES, LOST))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        @seed(start)
        @settings(
            max_examples=number, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(made())
        def one(table: Made) -> None:
            outcome.counts["tables"] += 1
            what, kind = None, LOST
            try:
                read = tables.read_table(table.data, f"x{table.suffix}")
            except RobustnessError as error:
                outcome.counts["refused whole"] += 1
                if table.rows is not None and table.good and not _excused(table, str(error)):
                    what = f"refused: {error}"
            except Exception:
                what, kind = traceback.format_exc(), CRASHES
            else:
                outcome.counts["rows"] += len(read.rows)
                try:
                    what = None if table.rows is None else _compare(table, read)
                    tried = outcome.counts["tables"] % _MODEL_EVERY == 0
                    what = what or _scored(read, table.suffix, workbench, folder, tried, outcome)
                except Exception:
                    what, kind = traceback.format_exc(), CRASHES
            if what:
                outcome.fault(f"{what}\n  in {table.suffix}: {table.data[:300]!r}", kind)

        one()
    return outcome


def _excused(table: Made, why: str) -> bool:
    """Whether a table without damage may be refused: every row of JSON lines is bad."""
    return "no column 'instruction'" in why and not table.good
