import json
import os
from pathlib import Path

import pytest

from robustness.data.importers import alpaca
from robustness.errors import InputError
from robustness.types import TaskType

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
ROWS = [
    {"instruction": "Classify the mood as glad, sad or angry.", "input": "Hm.", "output": "glad"},
    {"instruction": "Is this text spam? Answer yes or no.", "input": "Buy!", "output": "Yes."},
    {"instruction": "Choose the correct option.", "input": "2+2? A. 3 B. 4", "output": "B"},
    {"instruction": "Write a poem about snow.", "input": "", "output": "White it falls on us all."},
    {"instruction": "Is 'I love it' positive or negative? Classify.", "input": "",
     "output": "positive"},
]


def test_labels_tell_the_type_and_free_text_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "alpaca_data.json"
    path.write_text(json.dumps(ROWS))
    made = alpaca.read(path)
    assert [i.task_type for i in made.instructions] == [TaskType.MC, TaskType.BC, TaskType.QA]
    assert made.instructions[2].option_format == "letters_paren"
    assert [left.where.partition(", ")[2] for left in made.left] == ["entry 4", "entry 5"]
    assert "free text" in made.left[0].reason
    assert "no input apart" in made.left[1].reason


def test_a_given_type_takes_everything(tmp_path: Path) -> None:
    path = tmp_path / "alpaca_data.json"
    path.write_text(json.dumps(ROWS))
    made = alpaca.read(path, TaskType.QA)
    assert (len(made.instructions), made.left) == (5, ())


def test_seed_tasks_are_read_line_by_line_and_a_bad_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "seed_tasks.jsonl"
    good = {"id": "seed_1", "name": "tone", "instruction": "Tell if the line is rude.",
            "instances": [{"input": "Go away", "output": "yes"}], "is_classification": True}
    lines = [json.dumps(good), "{broken", "[1]", json.dumps({"name": "x"}),
             json.dumps(good | {"instances": 3}), json.dumps(good)]
    path.write_text("\n".join(lines))
    made = alpaca.read(path)
    assert [(i.text, i.task_type) for i in made.instructions] == [
        ("Tell if the line is rude.", TaskType.BC)
    ]
    assert [left.where.partition(", ")[2] for left in made.left] == [
        f"line {n}" for n in (2, 3, 4, 5, 6)
    ]
    assert made.left[-1].reason.startswith("it says the same as")


@pytest.mark.parametrize("text", ["", "[1, 2]", "a,b\n1,2", '{"a": [{"b": 1}]}'])
def test_another_file_is_refused_with_what_was_expected(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"expected a JSON list, or one JSON object a line"):
        alpaca.read(path)


@needs_data
def test_the_classification_tasks_of_the_published_seeds_are_taken() -> None:
    made = alpaca.read(Path(os.environ["STEADFAST_DATA"]) / "alpaca" / "seed_tasks.jsonl")
    assert made.entries == 175
    assert len(made.instructions) == 26
    assert made.by_type == {"QA": 3, "MC": 9, "BC": 14}
