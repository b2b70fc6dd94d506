import os
from pathlib import Path

import pytest

from robustness.data.tasks import base, mmlu
from robustness.errors import InputError, NotFoundError

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
ROWS = '"What, then?",one,two,three,four,B\nWhich?,red,red,blue,green,C\n'


def test_a_folder_of_subjects_is_one_task_with_options_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "anatomy_test.csv").write_text(ROWS)
    (tmp_path / "world_religions_test.csv").write_text("Who?,a,b,c,d,d\n")
    task = mmlu.read_mmlu(tmp_path)
    assert (task.id, len(task.examples), task.options) == ("mmlu", 3, ())
    assert task.examples[0].fields == {"question": "What, then?"}
    assert (task.examples[0].options, task.examples[0].answer) == (
        ("one", "two", "three", "four"), "two"
    )
    assert task.examples[1].options == ("red (A)", "red (B)", "blue", "green")
    assert {e.split for e in task.examples} == {"dev", "test"}
    base.write_task(tmp_path / "task.json", task)
    assert base.read_task(tmp_path / "task.json") == task
    assert mmlu.read_mmlu(tmp_path, ["anatomy"]).id == "mmlu_anatomy"


def test_splits_come_from_the_names_of_files_and_folders(tmp_path: Path) -> None:
    for split in ("dev", "val", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"law_{split}.csv").write_text(ROWS.replace("What", split))
    task = mmlu.read_mmlu(tmp_path)
    assert [len(task.split(s)) for s in ("train", "dev", "test")] == [0, 4, 2]


def test_a_header_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "law.csv"
    path.write_text("question,A,B,C,D,answer\n" + ROWS)
    assert len(mmlu.read_mmlu(path).examples) == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("What?,one,two,three,four,E\n", "row 1: the answer is 'E'; expected a letter from A to D"),
        (ROWS + "What?,x\n", r"row 3: 2 cells"),
        ("", "holds no questions"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(rows: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "law_test.csv"
    path.write_text(rows)
    with pytest.raises(InputError, match=words):
        mmlu.read_mmlu(path)


def test_absent_data_names_the_repository(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NotFoundError, match=r"https://github.com/hendrycks/test"):
            mmlu.read_mmlu(path)
    (tmp_path / "law_test.csv").write_text(ROWS)
    with pytest.raises(InputError, match="no subject 'low'; found: law"):
        mmlu.read_mmlu(tmp_path, ["low"])


@needs_data
def test_the_published_subjects_are_read_whole() -> None:
    task = mmlu.read_mmlu(Path(os.environ["STEADFAST_DATA"]) / "instructioneval/data/MMLU")
    assert len(task.examples) == 1859
    assert all(len(e.options) == 4 and e.answer in e.options for e in task.examples)
    assert abs(len(task.split("dev")) - len(task.split("test"))) <= 1
