import json
from pathlib import Path

import pytest

from robustness.data import tasks
from robustness.errors import InputError
from robustness.prediction.query import Query
from robustness.scoring import batch, rows
from robustness.scoring.rows import RowError
from robustness.storage.tables import Table, read_table
from robustness.workbench import Workbench

GOOD = {"instruction": "Good or bad?", "input": "A fine evening.", "options": ["good", "bad"]}


def lines(*documents: dict[str, object]) -> Table:
    text = "".join(json.dumps(d) + "\n" for d in documents)
    return read_table(text.encode(), "rows.jsonl")


def queries(workbench: Workbench, table: Table) -> list[Query | RowError]:
    return [rows.check(workbench.catalog, row) for row in table.rows]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"options": [str(n) for n in range(27)]}, "26 options"),
        ({"instruction": "a\ud800"}, "half a character"),
        ({"input": 10**4200}, "digits"),
        ({"input": "word " * 30_000}, "characters"),
        ({"input": "word " * 2_000}, "tokens"),
        ({"instruction": "word " * 2_000}, "tokens"),
        ({"instruction": "word " * 2_000, "input": "", "options": []}, "tokens"),
        ({"instruction": "word " * 2_000, "input": "", "options": [], "task": "scene_topic"},
         "tokens"),
    ],
    ids=[
        "27 options", "half a character", "digits", "a long cell", "a long input",
        "a long instruction", "a long instruction alone", "a long instruction on a task",
    ],
)
def test_one_bad_row_costs_no_other_and_the_plan_counts_it(
    workbench: Workbench, bad: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(GOOD) + "\n"
    digits = json.dumps(GOOD | bad) if bad.get("input") != 10**4200 else (
        '{"instruction": "a", "input": ' + "9" * 4201 + "}"
    )
    table = read_table(f"{text}{digits}\n{text}".encode(), "rows.jsonl")
    planned = batch.plan(table, workbench)
    scored = batch.score(table, workbench)
    assert [row.status for row in scored] == ["ok", "error", "ok"]
    assert words in scored[1].error
    assert planned.errors == {1: scored[1].error}


def test_falsy_answers_and_inputs_count(workbench: Workbench) -> None:
    first, second, third, fourth = queries(workbench, lines(
        {"instruction": "Is it so?", "input": "x", "options": ["0", "1"], "answer": 0},
        {"instruction": "Is it so?", "input": "x", "options": [True, False], "answer": False},
        {"instruction": "Odd or even?", "input": 0, "options": ["odd", "even"], "answer": "even"},
        {"instruction": "Is it so?", "input": "x", "options": ["0", "1"], "answer": 1.0},
    ))
    assert first.inputs[0].answer == "0"
    assert (second.inputs[0].options, second.inputs[0].answer) == (("true", "false"), "false")
    assert third.inputs[0].fields == {"text": "0"}
    assert fourth.inputs[0].answer == "1"


def test_a_class_by_number_is_the_option_in_its_place(workbench: Workbench) -> None:
    first, second, third = queries(workbench, lines(
        GOOD | {"answer": 1}, GOOD | {"options": ["1", "0"], "answer": 0}, GOOD | {"answer": 2},
    ))
    assert (first.inputs[0].answer, second.inputs[0].answer) == ("bad", "0")
    assert "'2' is not among" in third.reason


def test_an_object_as_input_is_read_as_fields(workbench: Workbench) -> None:
    story = {"story": "Carl ate. Lena went to the office.", "name": "Lena"}
    place, own = queries(workbench, lines(
        {"instruction": "Whereabouts is {name}? {story}", "task": "place", "input": story,
         "options": ["office", "bakery"], "answer": "office"},
        {"instruction": "Is it so?", "input": {"claim": "snow is white"},
         "options": ["yes", "no"], "answer": "yes"},
    ))
    assert dict(place.inputs[0].fields) == story
    assert dict(own.inputs[0].fields) == {"text": "snow is white"}


def test_an_option_may_hold_the_mark(workbench: Workbench) -> None:
    (listed,) = queries(workbench, lines(GOOD | {"options": ["a|b", "c"], "answer": "a|b"}))
    table = read_table(b"instruction,input,options,answer\nWhich?,x,a\\|b|c,a|b\n", "x.csv")
    (written,) = queries(workbench, table)
    for made in (listed, written):
        assert (made.inputs[0].options, made.inputs[0].answer) == (("a|b", "c"), "a|b")


def test_a_task_without_labels_is_refused_in_the_plan_already(
    workbench: Workbench, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("input,options,answer\na,x|y,\nb,x|y,\n")
    (made,) = queries(workbench, lines({"instruction": "Which?", "task": str(path)}))
    assert "no labelled inputs" in made.reason
    assert tasks.find(str(path)).options == ("x", "y")


def test_own_inputs_are_named_by_their_row(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_text('{"input": 0, "options": ["odd", "even"]}\n{"input": "x"}\n')
    with pytest.raises(InputError, match="row 2"):
        batch.read_inputs(workbench, path)
