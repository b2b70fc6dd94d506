from pathlib import Path

import pytest

from robustness.data import instructions
from robustness.data.importers import csv, sources
from robustness.errors import InputError
from robustness.types import TaskType


def written(tmp_path: Path, text: str, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_become_the_instructions_own_values(tmp_path: Path) -> None:
    made = csv.read(written(tmp_path, (
        "instruction,task,task_type,observed,label_words,option_format,collection\n"
        '"Is it so? {text}",mood,bc,yes,"glad=yes|sad=no",,survey\n'
        '"Pick one.\n{text}\n{options}",,MC,,"{""glad"": ""G""}",letters_dot,\n'
    )))
    first, second = made.instructions
    assert first.label_words == {"glad": "yes", "sad": "no"}
    assert (first.collection, first.observed, first.task) == ("survey", True, "mood")
    assert (second.collection, second.observed, second.option_format) == (
        "mine", False, "letters_dot"
    )
    assert second.label_words == {"glad": "G"}


def test_the_type_comes_from_the_table_the_task_or_the_words(tmp_path: Path) -> None:
    made = csv.read(written(tmp_path, (
        "prompt,task,options,type\n"
        "Where is she?,place,,\n"
        "Say which.,,red|green|blue,\n"
        "Is the line positive or negative?,,,\n"
        "Choose.\n"
        "Write a story.,,,\n"
        "Something else.,,,XX\n"
    )))
    assert [i.task_type for i in made.instructions] == [TaskType.QA, TaskType.MC, TaskType.BC]
    assert [left.where.partition(", ")[2] for left in made.left] == ["row 4", "row 5", "row 6"]
    assert "'XX' is unknown" in made.left[2].reason
    forced = csv.read(tmp_path / "mine.csv", TaskType.BC)
    assert {i.task_type for i in forced.instructions} == {TaskType.BC}


def test_columns_are_found_in_any_case_and_label_words_as_json(tmp_path: Path) -> None:
    made = csv.read(written(tmp_path, "Task Type,Prompt\nBC,Is it so?\n,Good or bad?\n"))
    assert [i.task_type for i in made.instructions] == [TaskType.BC, TaskType.BC]
    row = '{"instruction": "Is it?", "label_words": {"glad": "yes", "sad": "no"}}\n'
    (found,) = csv.read(written(tmp_path, row, "mine.jsonl")).instructions
    assert (found.task_type, found.label_words) == (TaskType.BC, {"glad": "yes", "sad": "no"})


def test_a_bad_row_is_named_and_unknown_columns_are_said(tmp_path: Path) -> None:
    made = csv.read(written(tmp_path, (
        "text,task_type,label_words,observed,note\n"
        "One thing?,bc,,,x\n"
        "Two things?,bc,glad,,\n"
        "Three things?,bc,a=x|b=x,,\n"
        "Four things?,bc,,perhaps,\n"
        "Five, things?,bc,,,,,\n"
        ",bc,,,\n"
        "Seven {Things}?,bc,,,\n"
    )))
    assert [i.text for i in made.instructions] == ["One thing?", "Seven {Things}?"]
    places = [left.where.partition(", ")[2] for left in made.left]
    assert places == [f"row {n}" for n in range(2, 7)]
    assert made.changes[0].what == "columns not read: note"
    assert "{Things} is no placeholder" in made.changes[1].what


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "a,b\n1,2\n"), ("x.csv", ""), ("x.txt", "instruction\nx\n"),
        ("x.csv", "text,text\n"),
    ],
)
def test_another_file_is_refused_with_what_was_expected(
    name: str, text: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="a table with a column instruction, text, template or"):
        csv.read(written(tmp_path, text, name))


def test_one_task_can_be_given_for_all_entries(tmp_path: Path) -> None:
    path = written(tmp_path, (
        "instruction,task,task_type\nIs it so? {text},mood,bc\nIs it so? {text},other,bc\n"
        "Or not? {text},,bc\n"
    ))
    receipt = sources.take("csv", path, tmp_path / "out.jsonl", task="mine")
    made = instructions.read_collection(tmp_path / "out.jsonl")
    assert [(i.text, i.task) for i in made] == [
        ("Is it so? {text}", "mine"), ("Or not? {text}", "mine")
    ]
    assert receipt.taken == 2
