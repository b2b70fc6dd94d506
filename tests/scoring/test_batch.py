import json
from pathlib import Path

import pandas as pd
import pytest

from robustness.errors import CancelledError, InputError
from robustness.scoring import batch
from robustness.storage.tables import read_table
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
def table() -> pd.DataFrame:
    return read_table(TABLE, "in.csv")


def test_a_bad_row_reports_itself_and_costs_no_other(
    table: pd.DataFrame, workbench: Workbench
) -> None:
    scored = batch.score(table, workbench)
    assert list(scored.columns) == [*table.columns, *batch.COLUMNS]
    assert list(scored["status"]) == ["ok"] * 4 + ["error"] * 7
    wanted = ["empty", "no task", "two options", "not among", "UTF-8", "nonsense", "JSON object"]
    for error, words in zip(scored["error"][4:], wanted, strict=True):
        assert words in error
    assert scored["note"][0] == "kept"


def test_outputs_and_accuracies_follow_the_contract(
    table: pd.DataFrame, workbench: Workbench
) -> None:
    scored = batch.score(table.iloc[:4], workbench)
    one, task, own, inferred = (scored.iloc[n] for n in range(4))
    assert one["output_original"] in ("food", "sport", "music", "travel", "work")
    assert one["accuracy_original"] in (0.0, 100.0)
    assert task["output_original"] is None
    assert 0.0 <= task["accuracy_original"] <= 100.0
    assert own["output_original"] in ("good", "bad")
    assert inferred["nearest_observed"]
    assert inferred["accuracy_original"] is None


def test_the_plan_counts_prompts_and_bad_rows(table: pd.DataFrame, workbench: Workbench) -> None:
    made = batch.plan(table, workbench)
    assert (made.rows, made.bad_rows) == (11, 7)
    assert made.calls == (4 + 1) + (4 + 256) + (1 + 1) + 1


def test_an_interrupted_run_goes_on(
    table: pd.DataFrame, workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    asked = iter([False, False, True])
    small = table.iloc[[0, 2, 3]].reset_index(drop=True)
    with pytest.raises(CancelledError, match="2 of 3"):
        batch.score(small, workbench, journal=journal, should_stop=lambda: next(asked))
    with journal.open("a") as out:
        out.write('{"key": "2:cut o')
    calls = []
    original = workbench.predict
    monkeypatch.setattr(
        workbench, "predict", lambda *a, **k: calls.append(a) or original(*a, **k)
    )
    scored = batch.score(small, workbench, journal=journal, resume=True)
    assert len(calls) == 1
    assert list(scored["status"]) == ["ok"] * 3


def test_the_journal_is_gone_when_the_file_is_written(
    workbench: Workbench, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"instruction\n=Which?\n")
    target = tmp_path / "out.csv"
    scored = batch.score_file(source, target, workbench)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    assert "'=Which?" in target.read_text()
    assert batch.summary(scored, target).errors == 0


def test_own_inputs_are_read_from_a_table(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text(json.dumps({"input": "x", "options": ["good", "bad"]}) + "\n")
    assert batch.read_inputs(workbench, path)[0].options == ("good", "bad")
    path.write_text(json.dumps({"input": "x"}) + "\n")
    with pytest.raises(InputError, match="row 1"):
        batch.read_inputs(workbench, path)
