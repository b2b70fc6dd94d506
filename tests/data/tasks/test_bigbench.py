import json
import os
from pathlib import Path
from typing import Any

import pytest

from robustness.data.tasks import base, bigbench
from robustness.errors import InputError, NotFoundError
from robustness.types import TaskType

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
DOCUMENT: dict[str, Any] = {
    "name": "frost", "description": "Say whether it freezes.", "keywords": [],
    "examples": [
        {"input": "At -5?", "target_scores": {"Yes": 1, "No": 0}},
        {"input": "At 20?", "target_scores": {"No": 1, "Yes": 0}},
        {"input": "At 0?", "target_scores": {"Yes": 0.5, "No": 0.5}},
    ],
}


def written(folder: Path, document: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "task.json"
    path.write_text(json.dumps(document))
    return path


def test_scores_give_options_and_the_answer(tmp_path: Path) -> None:
    task = bigbench.read_bigbench(written(tmp_path, DOCUMENT))
    assert (task.id, task.task_type, set(task.options)) == ("frost", TaskType.BC, {"Yes", "No"})
    assert [e.answer for e in task.examples] == ["Yes", "No", None]
    assert task.examples[0].fields == {"input": "At -5?"}
    assert {e.split for e in task.examples} == {"dev", "test"}
    assert bigbench.read_bigbench(tmp_path, field="question").fields == ("question",)


def test_a_target_without_scores_gives_the_answers_that_come_up(tmp_path: Path) -> None:
    rows = [{"input": f"in {i}", "target": ["glad", "sad", "cross"][i % 3]} for i in range(9)]
    task = bigbench.read_bigbench(written(tmp_path, {"name": "mood", "examples": rows}).parent)
    assert (task.task_type, task.options) == (TaskType.MC, ("cross", "glad", "sad"))
    rows = [{"input": "a", "target": [f"free text {i}", "other"]} for i in range(40)]
    with pytest.raises(InputError, match=r"free text \(40 different targets"):
        bigbench.read_bigbench(written(tmp_path, {"name": "mood", "examples": rows}))


def test_sub_tasks_are_joined(tmp_path: Path) -> None:
    folder = tmp_path / "weather"
    written(folder, {"name": "weather", "description": "Weather."})
    written(folder / "frost", DOCUMENT)
    other = {"input": "Rain?", "target_scores": {"wet": 1, "dry": 0, "icy": 0}}
    written(folder / "rain", {"name": "rain", "examples": [other]})
    task = bigbench.read_bigbench(folder)
    assert (task.id, len(task.examples), task.options) == ("weather", 4, ())
    assert task.task_type is TaskType.QA
    assert task.description == "Weather."
    base.write_task(tmp_path / "weather.json", task)
    assert base.read_task(tmp_path / "weather.json") == task


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([1], "no JSON object"),
        ({"name": "x"}, "no `examples`.*https://github.com/google/BIG-bench"),
        ({"examples": []}, "no list, or empty"),
        ({"examples": [{"target": "a"}]}, r"examples\[0\]: no `input`"),
        ({"examples": [{"input": "a"}]}, r"examples\[0\]: neither"),
        ({"examples": [{"input": "a", "target_scores": {"x": 1}}]}, "two options or more"),
    ],
)
def test_a_malformed_task_is_refused_with_its_place(
    document: object, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        bigbench.read_bigbench(written(tmp_path, document))


def test_absent_data_names_the_repository(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFoundError, match=r"clone https://github.com/google/BIG-bench"):
            bigbench.read_bigbench(path)


@needs_data
@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("winowhy", 2865, TaskType.BC), ("strategyqa", 2290, TaskType.BC),
        ("logical_deduction", 1500, TaskType.QA), ("conceptual_combinations", 103, TaskType.QA),
        ("strange_stories", 174, TaskType.QA), ("hindu_knowledge", 175, TaskType.QA),
    ],
)
def test_the_published_tasks_are_read_whole(name: str, count: int, kind: TaskType) -> None:
    folder = Path(os.environ["STEADFAST_DATA"]) / "instructioneval/data/benchmark_tasks" / name
    task = bigbench.read_bigbench(folder)
    assert (len(task.examples), task.task_type) == (count, kind)
    assert all(e.answer in e.options for e in task.examples)
