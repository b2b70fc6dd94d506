import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from robustness.data.importers import natural_instructions
from robustness.errors import InputError
from robustness.types import TaskType


def task(
    outputs: Sequence[object], definition: Any = "Say what it is.", listed: str = ""
) -> dict[str, Any]:
    return {
        "Source": ["made up"], "Categories": ["Classification"], "Definition": definition,
        "Positive Examples": [{"input": "a", "output": str(outputs[0]), "explanation": "so"}],
        "Negative Examples": [{"input": "a", "output": "wrong", "explanation": "no"}],
        "Instances": [{"id": f"t-{i}", "input": f"in {i} {listed}", "output": [o]}
                      for i, o in enumerate(outputs)],
    }


def read(tmp_path: Path, document: object) -> natural_instructions.Imported:
    path = tmp_path / "task001_made.json"
    path.write_text(json.dumps(document))
    return natural_instructions.read(path)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["Yes."] * 90 + ["No."] * 10, TaskType.BC),
        (["yes"] * 8 + ["No"] * 8 + ["Yes"], TaskType.BC),
        (["joy", "fear", "rage"] * 40, TaskType.MC),
        (["A", "C", "D", "B"] * 30, TaskType.QA),
        ([f"answer {i}" for i in range(60)], None),
        # A few answers repeat, but most of the outputs are others.
        (["tree"] * 20 + ["sun"] * 20 + [f"word{i}" for i in range(560)], None),
        # Typing errors beside two answers.
        (["yes"] * 300 + ["no"] * 300 + ["yse", "n o"], TaskType.BC),
    ],
)
def test_the_answers_that_come_up_tell_the_type(
    outputs: list[str], expected: TaskType | None, tmp_path: Path
) -> None:
    made = read(tmp_path, task(outputs))
    assert [i.task_type for i in made.instructions] == ([] if expected is None else [expected])
    assert len(made.left) == (expected is None)


@pytest.mark.parametrize(
    ("outputs", "listed", "expected"),
    [
        (["Middle A", "Middle B"], "Middle A: it rains. Middle B: it snows.", TaskType.QA),
        (["Middle A", "Middle B"], "It rains.", TaskType.BC),
        (["1", "2"], "1) It rains. 2) It snows.", TaskType.QA),
        (["1", "2"], "It rained 1 or 2 days.", TaskType.BC),
        (["1", "Middle 2"], "1) It rains. Middle 2", TaskType.BC),
    ],
)
def test_answers_that_the_inputs_list_point_to_options(
    outputs: list[str], listed: str, expected: TaskType, tmp_path: Path
) -> None:
    document = task(outputs * 60, listed=listed) | {"Positive Examples": []}
    (found,) = read(tmp_path, document).instructions
    assert found.task_type is expected
    assert bool(found.label_words) == (expected is TaskType.BC)


def test_only_the_full_stop_of_a_word_is_dropped(tmp_path: Path) -> None:
    (found,) = read(tmp_path, task([".", "1.0", "2.", "Yes."] * 40)).instructions
    assert set(found.label_words) == {".", "1.0", "2.", "Yes"}


def test_what_each_rule_decided_is_counted(tmp_path: Path) -> None:
    for number, outputs in enumerate((["x", "y"] * 60, ["A", "B"] * 60, ["u", "v"] * 60)):
        document = task(outputs, f"Say what {number} is.")
        (tmp_path / f"task{number}.json").write_text(json.dumps(document))
    made = natural_instructions.read(tmp_path)
    assert made.decided == {
        "letters or numbers that point to the input's options": 1, "a fixed set of answers": 2,
    }


def test_a_definition_becomes_an_instruction_with_its_label_words(tmp_path: Path) -> None:
    (found,) = read(tmp_path, task(["Yes."] * 60 + ["No."] * 60, ["Is it so?"])).instructions
    assert found.text == "Is it so?"
    assert found.task == "task001_made"
    assert set(found.label_words) == {"Yes", "No"}
    assert found.observed


def test_with_few_instances_the_definition_tells_the_answers(tmp_path: Path) -> None:
    (found,) = read(tmp_path, task(["true"], "Reply with true or false.")).instructions
    assert found.task_type is TaskType.BC


def test_several_definitions_are_entries_of_their_own(tmp_path: Path) -> None:
    made = read(tmp_path, task(["a1", "a2"] * 60, ["First one.", 7, "Put {text} here.", "Last."]))
    assert [i.text for i in made.instructions] == ["First one.", "Last."]
    assert [left.where.partition(", ")[2] for left in made.left] == ["Definition 2", "Definition 3"]
    assert "placeholder" in made.left[1].reason


@pytest.mark.parametrize("text", ["[]", "{", '{"Instances": []}', "7"])
def test_another_file_is_refused_with_what_was_expected(text: str, tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(text)
    with pytest.raises(InputError, match="expected a Super-NaturalInstructions task"):
        natural_instructions.read(path)


def test_a_folder_is_read_whole_and_names_the_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "task1.json").write_text(json.dumps(task(["x", "y"] * 60)))
    (tmp_path / "other.json").write_text("{}")
    made = natural_instructions.read(tmp_path)
    assert len(made.instructions) == 1
    assert "other.json" in made.left[0].where
    assert "no `Definition`" in made.left[0].reason
