import json
import os
from pathlib import Path
from typing import Any

import pytest

from robustness.data.tasks import base, bigbench, named
from robustness.errors import InputError, NotFoundError
from robustness.evaluation.study import sources
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


def bbh(targets: list[str], listed: str = "") -> dict[str, Any]:
    """A file as BIG-Bench-Hard has them, without a name."""
    rows = [{"input": f"in {n}{listed}", "target": t} for n, t in enumerate(targets)]
    return {"canary": "", "examples": rows}


def test_a_file_without_a_name_is_called_after_its_file(tmp_path: Path) -> None:
    for name in ("snarks", "navigate"):
        (tmp_path / f"{name}.json").write_text(json.dumps(bbh(["Yes", "No"] * 5)))
    found, bad = named.find_each(str(tmp_path))
    assert ([task.id for task in found], bad) == (["navigate", "snarks"], {})
    folder = written(tmp_path / "frost", bbh(["Yes", "No"] * 5))
    assert bigbench.read_bigbench(folder).id == "frost"


def test_a_stray_target_is_reported_and_nobodys_option(tmp_path: Path) -> None:
    path = tmp_path / "films.json"
    options = "\nOptions:\n(A) Alien\n(B) Monsters"
    path.write_text(json.dumps(bbh(["(A)", "(B)"] * 125 + ["Monsters"], options)))
    task = bigbench.read_bigbench(path)
    assert {e.options for e in task.examples} == {("(A)", "(B)")}
    assert (task.task_type, task.options) == (TaskType.QA, ())
    assert [e.answer for e in task.examples[-2:]] == ["(B)", None]
    assert [(o.what, o.name) for o in task.omissions] == [("label", f"{path}: examples[250]")]
    assert "'Monsters' is none" in task.omissions[0].reason
    _, left = sources.read_tasks([str(path)])
    assert [row.reason for row in left] == [task.omissions[0].reason]


def test_letters_are_those_that_the_input_lists(tmp_path: Path) -> None:
    document = bbh(["(A)", "(B)"] * 3, "\n(A) one\n(B) two")
    document["examples"] += bbh(["(C)", "(A)"], "\n(A) one\n(B) two\n(C) three")["examples"]
    path = tmp_path / "dates.json"
    path.write_text(json.dumps(document))
    task = bigbench.read_bigbench(path)
    assert [len(e.options) for e in task.examples] == [2] * 6 + [3] * 2


def test_a_file_of_free_text_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "snarks.json").write_text(json.dumps(bbh(["Yes", "No"] * 5)))
    (tmp_path / "sorting.json").write_text(json.dumps(bbh([f"words {n}" for n in range(40)])))
    (tmp_path / "._snarks.json").write_bytes(b"\x00\x05")
    tasks, left = sources.read_tasks([str(tmp_path)])
    assert [task.id for task in tasks] == ["snarks"]
    assert [row.name for row in left] == [str(tmp_path / "sorting.json")]
    with pytest.raises(InputError, match="free text"):
        named.find_all(str(tmp_path))


def test_numbers_and_truth_values_are_targets(tmp_path: Path) -> None:
    rows = [{"input": n, "target": n % 2} for n in range(6)]
    task = bigbench.read_bigbench(written(tmp_path, {"name": "odd", "examples": rows}))
    assert task.options == ("0", "1")
    assert (task.examples[0].fields, task.examples[0].answer) == ({"input": "0"}, "0")


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
