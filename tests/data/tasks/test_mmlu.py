import json
import os
from pathlib import Path

import pandas as pd
import pytest

from robustness.data.tasks import base, mmlu, named
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


def test_a_systems_own_files_are_passed_over_and_reported(tmp_path: Path) -> None:
    (tmp_path / "law_test.csv").write_text(ROWS)
    (tmp_path / "._law_test.csv").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    task = mmlu.read_mmlu(tmp_path)
    assert len(task.examples) == 2
    assert [o.name for o in task.omissions] == [str(tmp_path / "._law_test.csv")]
    (tmp_path / "law_test.csv").unlink()
    with pytest.raises(NotFoundError):
        named.find(str(tmp_path))


def test_an_empty_answer_is_no_label_and_an_empty_option_its_letter(tmp_path: Path) -> None:
    path = tmp_path / "law_test.csv"
    path.write_text(ROWS + "Who?,a,b,c,d,\nWhat?,a,,c,d,B\n")
    task = mmlu.read_mmlu(path)
    assert [e.answer for e in task.examples] == ["two", "blue", None, "(B)"]
    assert [(o.what, o.name) for o in task.omissions] == [("label", f"{path}, row 3")]


HUB = [
    {"question": "Which?", "subject": "law", "choices": ["red", "0", "blue", "blue"], "answer": 0},
    {"question": "What?", "subject": "law", "choices": ["a", "b", "c", "d"], "answer": 3},
    {"question": "Who?", "subject": "law", "choices": ["a", "b", "c", "d"], "answer": None},
]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet"])
def test_the_hubs_rows_are_read_with_answers_from_0(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "law" / f"test-00000-of-00001.{suffix}"
    path.parent.mkdir()
    if suffix == "parquet":
        pd.DataFrame(HUB).to_parquet(path)
    else:
        lines = [json.dumps(row) for row in HUB]
        path.write_text("\n".join(lines) if suffix == "jsonl" else f"[{','.join(lines)}]")
    names = [path] if suffix == "json" else [path, path.parent]
    for task in [named.find(str(name)) for name in names]:
        assert (task.id, task.fields) == ("mmlu_law", ("question",))
        assert [e.answer for e in task.examples] == ["red", "d", None]
        assert task.examples[0].options == ("red", "0", "blue (C)", "blue (D)")
    assert mmlu.read_mmlu(path.parent, ["law"]).id == "mmlu_law"


def test_a_wrong_row_of_the_hub_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(HUB[0] | {"answer": 4}))
    with pytest.raises(InputError, match="row 1: the answer is 4; expected 0 to 3"):
        named.find(str(path))
    path.write_text(json.dumps(HUB[0] | {"choices": "red"}))
    with pytest.raises(InputError, match="row 1: choices must be a list"):
        named.find(str(path))


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
