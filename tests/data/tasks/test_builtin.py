import json
from pathlib import Path

import pytest

from robustness import paths
from robustness.data.tasks import bigbench, builtin, builtin_names, find, mmlu, table, write_task
from robustness.errors import InputError, NotFoundError


@pytest.mark.parametrize("name", builtin_names())
def test_every_shipped_task_has_its_labelled_inputs_in_two_halves(name: str) -> None:
    task = builtin(name)
    least = 512 if task.source.startswith("generated") else 128
    assert len({e.id for e in task.examples}) >= least
    halves = {split: len(task.split(split)) for split in ("dev", "test")}
    assert abs(halves["dev"] - halves["test"]) <= 2
    assert all(e.answer in e.options for e in task.examples)


def test_there_is_a_trained_and_an_unseen_task_of_every_type() -> None:
    made = {(builtin(n).task_type, builtin(n).trained) for n in builtin_names()}
    assert made == {(t, seen) for t in ("QA", "MC", "BC") for seen in (True, False)}


def test_an_unknown_task_names_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match="polarity"):
        builtin("polarty")


def test_a_labelled_table_is_found_by_its_path() -> None:
    path = paths.ASSETS / "examples" / "relations.csv"
    found = find(str(path))
    assert found == table.read_labelled_table(path)
    assert (found.fields, len(found.options)) == (("text", "entity1", "entity2"), 5)
    assert len(found.split("test")) == 30
    assert find("place") is builtin("place")


def test_one_task_of_a_benchmark_is_found_by_its_folder(tmp_path: Path) -> None:
    rows = [{"input": f"Is {n} even?", "target_scores": {"yes": 1 - n % 2, "no": n % 2}}
            for n in range(4)]
    document = {"name": "even", "description": "Say which.", "examples": rows}
    (tmp_path / "even").mkdir()
    (tmp_path / "even" / "task.json").write_text(json.dumps(document))
    (tmp_path / "mmlu").mkdir()
    (tmp_path / "mmlu" / "sums_test.csv").write_text("1+1?,1,2,3,4,B\n2+2?,1,2,3,4,D\n")
    assert find(str(tmp_path / "even")) == bigbench.read_bigbench(tmp_path / "even")
    assert find(str(tmp_path / "mmlu")) == mmlu.read_mmlu(tmp_path / "mmlu")
    (tmp_path / "two").mkdir()
    for name in ("object", "place"):
        write_task(tmp_path / "two" / f"{name}.json", builtin(name))
    with pytest.raises(InputError, match=r"2 tasks \(object, place\); name one of them"):
        find(str(tmp_path / "two"))
    with pytest.raises(NotFoundError, match=r"github.com/google/BIG-bench"):
        find(str(tmp_path / "nowhere" / "task.json"))
