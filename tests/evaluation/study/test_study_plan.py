import json
from dataclasses import replace
from pathlib import Path

import pytest

from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.study import shots
from robustness.evaluation.study.plan import Recipe, inputs
from robustness.types import Instruction, TaskType


def asks(text: str, **more: object) -> Instruction:
    values = {"collection": "mine", "task_type": TaskType.MC, "task": "scene_topic"} | more
    return Instruction(text=text, **values)  # type: ignore[arg-type]


def test_tasks_are_found_by_name_file_and_folder(tmp_path: Path, topics: Task) -> None:
    tasks.write_task(tmp_path / "own.json", replace(topics, id="own"))
    (tmp_path / "mood.csv").write_text(
        "input,options,answer\nfine,good|bad,good\nawful,good|bad,bad\n"
    )
    mmlu = tmp_path / "mmlu" / "test"
    mmlu.mkdir(parents=True)
    (mmlu / "anatomy_test.csv").write_text("Which?,a,b,c,d,B\nWhere?,e,f,g,h,A\n")
    big = tmp_path / "winowhy"
    big.mkdir()
    (big / "task.json").write_text(json.dumps({
        "name": "winowhy", "examples": [
            {"input": f"Why {n}?", "target_scores": {"correct": n % 2, "incorrect": 1 - n % 2}}
            for n in range(4)
        ],
    }))
    found, left = study.read_tasks(
        ["place,scene_topic", *(str(tmp_path / n) for n in
         ("own.json", "mood.csv", "mmlu", "winowhy"))], field="question",
    )
    assert [t.id for t in found] == [
        "place", "scene_topic", "own", "mood", "mmlu_anatomy", "winowhy"
    ]
    assert found[-1].fields == ("question",)
    assert left == []


def test_what_is_not_there_says_what_to_get_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty").mkdir()
    found, left = study.read_tasks(
        ["place", "nowhere", str(tmp_path / "broken.json"), str(tmp_path / "empty"), "place,place"]
    )
    assert [t.id for t in found] == ["place"]
    reasons = {row.name: row.reason for row in left}
    assert "github.com/hendrycks/test" in reasons["nowhere"]
    assert "github.com/google/BIG-bench" in reasons["nowhere"]
    assert "not JSON" in reasons[str(tmp_path / "broken.json")]
    assert "holds neither" in reasons[str(tmp_path / "empty")]


def test_one_bad_row_of_a_collection_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    instructions.write_collection(path, [asks("Which topic?\n{text}")])
    with path.open("a") as out:
        out.write('not json\n{"text": "x"}\n')
        out.write(path.read_text().split("\n")[0] + "\n")
    found, left = study.read_instructions([f"{path},absent"])
    assert [i.text for i in found] == ["Which topic?\n{text}"]
    assert [row.name.partition(",")[2].strip() or row.name for row in left] == [
        "line 2", "line 3", "line 4", "absent"
    ]
    assert "already" in left[2].reason
    assert "robustness import" in left[3].reason


def test_the_plan_counts_calls_and_lists_what_does_not_fit(topics: Task) -> None:
    chosen = [
        asks("Which topic?\n{text}"), asks("Which?\n{premise}"), asks("Mood?", task="scene_mood")
    ]
    recipe = Recipe(shots=(1,), draws=2, free=True, limit=5)
    made = study.plan([topics], chosen, recipe)
    assert [p.condition.label for p in made.parts] == ["zero-shot", "1-shot", "1-shot, draw 2"]
    assert made.calls(2) == 3 * 5 * 2 * 2
    assert [row.reason for row in made.left] == [
        "it names the fields premise; the inputs have text", "scene_mood is not among the tasks"
    ]


def test_nothing_to_evaluate_is_an_error_with_reasons(topics: Task) -> None:
    with pytest.raises(InputError, match="no instruction is for it"):
        study.plan([topics], [], Recipe())
    with pytest.raises(InputError, match="at least one input"):
        Recipe(limit=0)


def test_inputs_are_taken_evenly(topics: Task) -> None:
    every = inputs(topics, None)
    assert len(every) == 8
    assert inputs(topics, 3) == (every[0], every[4], every[7])


@pytest.mark.parametrize("splits", [("dev", "test"), ("test",)])
def test_solved_examples_never_hold_the_test_input(topics: Task, splits: tuple[str, ...]) -> None:
    task = replace(topics, examples=tuple(e for s in splits for e in topics.split(s)))
    tested = task.split("test")
    for draw in range(4):
        shown = shots.choose(task, tested, shots=3, draw=draw, seed=0)
        assert all(len({e.id for e in row}) == 3 for row in shown)
        assert all(e.id != one.id for one, row in zip(tested, shown, strict=True) for e in row)
        assert shown == shots.choose(task, tested, shots=3, draw=draw, seed=0)
    draws = {
        tuple(e.id for e in shots.choose(task, tested, shots=3, draw=d, seed=0)[0])
        for d in range(4)
    }
    assert len(draws) > 1


def test_too_few_examples_to_show_are_named(topics: Task) -> None:
    task = replace(topics, examples=topics.split("test")[:1])
    with pytest.raises(InputError, match="labelled examples"):
        shots.choose(task, task.examples, shots=1, draw=0, seed=0)
    made = study.plan([task], [asks("Which topic?\n{text}")], Recipe(shots=(1,)))
    assert [p.condition.label for p in made.parts] == ["zero-shot"]
    assert made.left[0].what == "examples"


def test_a_solved_example_stands_under_the_same_instruction(topics: Task) -> None:
    instruction = asks("Which topic?\n{text}\nAnswer:", label_words={"food": "eating"})
    example, shown = topics.split("test")[0], topics.split("dev")[0]
    answered = replace(shown, answer="food", id="")
    made = shots.prompt(instruction, example, [answered], ["x"])
    assert made.text == (
        f"Which topic?\n{shown.fields['text']}\nAnswer: eating\n\n"
        f"Which topic?\n{example.fields['text']}\nAnswer:"
    )
