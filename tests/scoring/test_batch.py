import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from robustness.errors import CancelledError, InputError
from robustness.scoring import batch, row_scorer
from robustness.storage.tables import Table, read_table
from robustness.workbench import Workbench

TABLE = b"""instruction,task,input,options,answer,note
Which topic is it?,scene_topic,Tom cooked rice.,,food,kept
Which topic is it?,scene_topic,,,,
Good or bad?,,A fine evening.,good|bad,good,
Where is {name}? {story},,,,,
,scene_topic,,,,
Which?,unknown,,,,
Which?,,text without options,,,
Which?,,text,good|bad,ugly,
Which?,scene_topic,caf\xe9,,,
Read {nonsense},scene_topic,,,,
Where?,place,a story alone,attic|cellar,,
"""


@pytest.fixture
def table() -> Table:
    return read_table(TABLE, "in.csv")


def first_rows(table: Table, count: int) -> Table:
    return replace(table, rows=table.rows[:count])


def test_a_bad_row_reports_itself_and_costs_no_other(
    table: Table, workbench: Workbench
) -> None:
    scored = batch.score(table, workbench)
    assert [row.status for row in scored] == ["ok"] * 4 + ["error"] * 7
    wanted = ["empty", "no task", "two options", "not among", "UTF-8", "nonsense", "JSON object"]
    for row, words in zip(scored[4:], wanted, strict=True):
        assert words in row.error
    made = batch.plan(table, workbench)
    assert made.errors == {n: row.error for n, row in enumerate(scored) if row.error}


def test_the_written_table_has_the_inputs_columns_and_then_the_contracts(
    table: Table, workbench: Workbench, tmp_path: Path
) -> None:
    small = first_rows(table, 1)
    out = tmp_path / "out.csv"
    batch.write(out, small, batch.score(small, workbench))
    (row,) = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline=""))
    assert list(row) == [*table.header, *batch.COLUMNS]
    assert (row["note"], row["status"]) == ("kept", "ok")


def test_outputs_and_accuracies_follow_the_contract(
    table: Table, workbench: Workbench
) -> None:
    one, task, own, inferred = batch.score(first_rows(table, 4), workbench)
    assert one.output_original in ("food", "sport", "music", "travel", "work")
    assert one.accuracy_original in (0.0, 100.0)
    assert task.output_original is None
    assert 0.0 <= task.accuracy_original <= 100.0
    assert own.output_original in ("good", "bad")
    assert inferred.nearest_observed
    assert inferred.accuracy_original is None


def test_the_plan_counts_prompts_and_bad_rows(table: Table, workbench: Workbench) -> None:
    made = batch.plan(table, workbench)
    assert (made.rows, made.bad_rows) == (11, 7)
    assert made.calls == (4 + 1) + (4 + 256) + 1 + 1


def test_an_interrupted_run_goes_on(
    table: Table, workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    asked = iter([False, False, True])
    small = replace(
        table,
        rows=tuple(replace(table.rows[n], number=place) for place, n in enumerate((0, 2, 3))),
    )
    with pytest.raises(CancelledError, match="2 of 3"):
        batch.score(small, workbench, journal=journal, should_stop=lambda: next(asked))
    with journal.open("a") as out:
        out.write('{"key": "2:cut o')
    calls = []
    original = row_scorer.score_row
    monkeypatch.setattr(
        row_scorer, "score_row", lambda *a, **k: calls.append(a) or original(*a, **k)
    )
    scored = batch.score(small, workbench, journal=journal, resume=True)
    assert len(calls) == 1
    assert scored == batch.score(small, workbench)


def test_the_journal_is_gone_when_the_file_is_written(
    workbench: Workbench, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"instruction\n=Which?\n")
    target = tmp_path / "out.csv"
    scored = batch.score_file(source, target, workbench)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    assert "'=Which?" in target.read_text()
    assert batch.summary(scored, target, read_table(source)).errors == 0


def test_user_inputs_are_read_from_a_table(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text(json.dumps({"input": "x", "options": ["good", "bad"]}) + "\n")
    assert batch.read_inputs(workbench, path)[0].options == ("good", "bad")
    path.write_text(json.dumps({"input": "x"}) + "\n")
    with pytest.raises(InputError, match="row 1"):
        batch.read_inputs(workbench, path)
