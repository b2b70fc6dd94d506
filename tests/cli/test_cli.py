import json
import shutil
from pathlib import Path

import pytest

from robustness import cli
from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.types import Instruction


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    out = capsys.readouterr()
    return int(ended.value.code or 0), out.out, out.err


@pytest.fixture
def on_tiny(tiny_llama: Path, indexes: Path) -> list[str]:
    return ["--model", str(tiny_llama), "--indexes", str(indexes)]


def test_predict_prints_one_json_document(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(
        "predict", "Which topic?", "--task", "scene_topic", "--json", *on_tiny, capsys=capsys
    )
    made = json.loads(out)
    assert code == 0
    assert made["task_source"] == "given"
    assert len(made["nearest"]) == 5


def test_predict_and_compare_are_readable(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run("predict", "Which topic?", "--task", "scene_topic", *on_tiny, capsys=capsys)
    assert "Nearest observed instructions:" in out
    _, out, _ = run(
        "compare", "Which?", "--input", "x", "--options", "good|bad", *on_tiny, capsys=capsys
    )
    assert "tiny-llama: " in out


def test_index_info_describes_index_and_calibration(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run("index", "info", "--json", *on_tiny, capsys=capsys)
    card = json.loads(out)[0]
    assert {"given, distance", "inputs, distance", "given, 8 labelled inputs"} <= set(
        card["calibrated"]
    )


def test_index_add_and_remove_change_a_saved_index(
    tiny_llama: Path, indexes: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, topics: Task, places: Task,
) -> None:
    monkeypatch.setattr("robustness.cli.sets.labelled_tasks", lambda *_: [topics, places])
    shutil.copytree(indexes, tmp_path / "indexes")
    where = ["--json", "--model", str(tiny_llama), "--indexes", str(tmp_path / "indexes")]
    new = Instruction(
        text="Say what it is about.", collection="observed", task_type=topics.task_type,
        task=topics.id, observed=True,
    )
    instructions.write_collection(tmp_path / "new.jsonl", [new])
    _, out, err = run("index", "add", str(tmp_path / "new.jsonl"), *where, capsys=capsys)
    more = json.loads(out)[0]
    assert "calibrate again" in err
    _, out, _ = run("index", "remove", new.id, *where, capsys=capsys)
    assert json.loads(out)[0]["instructions"] == more["instructions"] - 1
    code, _, err = run("index", "remove", new.id, *where, capsys=capsys)
    assert code == 2
    assert new.id in err


def test_score_writes_the_file(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_text("instruction,task\nWhich?,scene_topic\n,place\n")
    code, out, _ = run(
        "score", str(source), "--out", str(target), "--json", *on_tiny, capsys=capsys
    )
    assert code == 0
    assert json.loads(out)["errors"] == 1
    assert len(target.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "Which?", "--task", "unknown"], "no task 'unknown'"),
        (["predict", " ", "--task", "place"], "empty"),
        (["predict", "Which?", "--task", "scene_topic", "--probe", "x"], "or auto, found 'x'"),
        (
            ["predict", "Which?", "--task", "scene_topic", "--probe", "auto", "--labelled", "4"],
            "one or the other",
        ),
        (["score", "missing.csv", "--out", "x.csv"], "does not exist"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_two(
    arguments: list[str], words: str, on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(*arguments, *on_tiny, capsys=capsys)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_model_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("predict", "x", "--model", "/nowhere/model", capsys=capsys)
    assert code == 2
    assert "/nowhere/model" in err


def test_probes_are_counted_before_they_are_read_and_change_the_tier(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["predict", "Which topic?", "--task", "scene_topic", "--json", *on_tiny]
    plain = json.loads(run(*asked, capsys=capsys)[1])
    _, out, err = run(*asked, "--labelled", "8", capsys=capsys)
    made = json.loads(out)
    assert "reading 8 prompts" in err
    assert made["tier"] == "labelled"
    assert "8 labelled inputs" in made["basis"]
    assert plain["tier"] == "distance"


def test_advice_ranks_rewordings_by_predicted_loss(
    on_tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Say which topic it is.\n{text}"
    _, out, _ = run("advise", text, "--task", "scene_topic", "--json", *on_tiny, capsys=capsys)
    made = json.loads(out)
    losses = [r["prediction"]["degradation"] for r in made["rewordings"]]
    assert losses == sorted(losses)
    assert [text[p["start"] : p["end"]] for p in made["phrases"]] == [
        p["text"] for p in made["phrases"]
    ]


def test_import_writes_a_collection_and_names_what_it_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, target = tmp_path / "mine.csv", tmp_path / "out.jsonl"
    source.write_text("instruction,task_type\nIs it so?,bc\n,bc\nTell a story.,\n")
    code, out, _ = run("import", "csv", str(source), "--out", str(target), "--json", capsys=capsys)
    made = json.loads(out)
    assert code == 0
    assert (made["entries"], made["taken"], made["by_type"]) == (3, 1, {"BC": 1})
    assert [entry["where"] for entry in made["left"]] == [f"{source}, row 2", f"{source}, row 3"]
    assert [i.text for i in instructions.read_collection(target)] == ["Is it so?"]
    _, out, _ = run(
        "import", "csv", str(source), "--out", str(target), "--task-type", "QA", capsys=capsys
    )
    assert f"{target}: 2 of 3 entries taken (2 QA)" in out
    assert f"left out: {source}, row 2: its text is empty" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope", "x.csv"], "no source 'nope'; choose one of promptsource"),
        (["csv", "missing.csv"], "missing.csv does not exist"),
        (["csv", "missing.csv", "--task-type", "xy"], "no task type 'xy'; choose qa, mc or bc"),
    ],
)
def test_a_mistake_in_an_import_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = run("import", *arguments, "--out", str(tmp_path / "o.jsonl"), capsys=capsys)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
