import json
from pathlib import Path
from typing import Any

import pytest

from robustness.data.tasks import base, named
from robustness.data.tasks.base import Task
from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.types import Example, TaskType

TASK = Task(
    id="mood", title="Mood", task_type=TaskType.BC, description="Say the mood.",
    fields=("text", "name"), options=("glad", "sad"), source="written for a test", trained=False,
    examples=tuple(
        Example(
            task="mood", fields={"text": text, "name": "Zoë"}, options=options, answer=answer,
            split=split,
        )
        for text, options, answer, split in (
            ("She smiles.", ("glad", "sad"), "glad", "dev"),
            ("She frowns.", ("merry", "cross"), "cross", "test"),
            ("She sits.", ("glad", "sad"), None, "test"),
        )
    ),
)
GOOD: dict[str, Any] = {
    "schema": 1, "id": "mood", "title": "Mood", "task_type": "BC", "description": "Say it.",
    "fields": ["text"], "options": ["glad", "sad"], "source": "written", "trained": False,
    "examples": [{"fields": {"text": "She smiles."}, "answer": "glad"}],
}


def example(**values: object) -> dict[str, Any]:
    return {"examples": [*GOOD["examples"], GOOD["examples"][0] | values]}


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    base.write_task(tmp_path / "mood.json", TASK)
    assert base.read_task(tmp_path / "mood.json") == TASK
    rows = json.loads((tmp_path / "mood.json").read_text(encoding="utf-8"))["examples"]
    assert ["options" in row for row in rows] == [False, True, False]


def test_a_split_keeps_its_order_and_a_description_has_no_examples() -> None:
    assert TASK.split("test") == TASK.examples[1:]
    assert TASK.split("train") == ()
    assert TASK.without_examples().examples == ()
    assert TASK.without_examples().fields == TASK.fields


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, r"titel: .*not permitted"),
        ({"title": None}, r"title: "),
        ({"task_type": "XY"}, r"task_type: "),
        (example(labels=["a"]), r"examples\.1\.labels: "),
        (example(fields={"txt": "a"}), r"examples\[1\]: fields \['txt'\], the task has \['text'\]"),
        (example(options=["glad"]), r"examples\[1\]: fewer than two options"),
        ({"options": []}, r"examples\[0\]: fewer than two options"),
        (example(answer="cross"), r"examples\[1\]: answer 'cross' is not among \['glad', 'sad'\]"),
    ],
)
def test_a_malformed_task_is_refused_with_file_and_place(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mood.json"
    path.write_text(json.dumps(GOOD | change), encoding="utf-8")
    with pytest.raises(InputError, match=rf"mood\.json: {message}"):
        base.read_task(path)


def test_numbers_and_truth_values_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "mood.json"
    rows = [{"fields": {"text": 0}, "answer": 0}, {"fields": {"text": False}, "answer": 1}]
    path.write_text(json.dumps(GOOD | {"options": ["0", 1], "examples": rows}))
    first, second = base.read_task(path).examples
    assert (first.fields, first.options, first.answer) == ({"text": "0"}, ("0", "1"), "0")
    assert (second.fields, second.answer) == ({"text": "false"}, "1")


def test_a_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mood.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    decoded = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: decoded.append(text) or loads(text))
    assert named.find(str(path)).id == GOOD["id"]
    assert len(decoded) == 1


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mood.json"
    path.write_text(json.dumps({k: v for k, v in GOOD.items() if k != "trained"}))
    with pytest.raises(InputError, match=r"mood\.json: trained: .*required"):
        base.read_task(path)


def test_another_schema_no_json_and_no_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mood.json"
    with pytest.raises(NotFoundError, match="does not exist"):
        base.read_task(path)
    path.write_text(json.dumps(GOOD | {"schema": 2}))
    with pytest.raises(MismatchError, match="schema 2"):
        base.read_task(path)
    path.write_text(json.dumps(GOOD)[:-3])
    with pytest.raises(CorruptFileError, match="not valid JSON"):
        base.read_task(path)
