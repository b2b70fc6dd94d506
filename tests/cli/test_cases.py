"""Small files on which commands came out wrong; each has its own folder in `tests/cases`."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from robustness import cli
from robustness.data import instructions
from robustness.evaluation.study import sources
from robustness.types import Instruction

CASES = Path(__file__).parents[1] / "cases"


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "--json"])
    out = capsys.readouterr()
    assert not ended.value.code, out.err
    return json.loads(out.out)


@pytest.fixture
def on_tiny(tiny_llama: Path, indexes: Path) -> list[str]:
    return ["--model", str(tiny_llama), "--indexes", str(indexes)]


def scored(
    source: Path, on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, str]]:
    out = tmp_path / "out.csv"
    run("score", str(source), "--out", str(out), *on_tiny, capsys=capsys)
    with out.open(newline="") as lines:
        return list(csv.DictReader(lines))


def imported(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], list[Instruction]]:
    (source,) = (CASES / case).glob("*.json")
    out = tmp_path / "out.jsonl"
    made = run("import", "natural-instructions", str(source), "--out", str(out), capsys=capsys)
    return made, instructions.read_collection(out)


def test_a_long_cell_is_an_error_of_its_row(
    on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(
        f'instruction,input,options,answer\nIs it kind?,"{"word " * 30_000}",yes|no,yes\n'
        "Is it kind?,short,yes|no,yes\n"
    )
    first, second = scored(source, on_tiny, tmp_path, capsys)
    assert (first["status"], second["status"]) == ("error", "ok")
    assert "characters" in first["error"]


def test_a_plain_number_keeps_its_sign(
    on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = scored(CASES / "csv-negative-numbers/in.csv", on_tiny, tmp_path, capsys)
    assert (row["status"], row["delta"]) == ("ok", "-0.35")


def test_trailing_nameless_columns_are_dropped(
    on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = scored(CASES / "csv-trailing-columns/in.csv", on_tiny, tmp_path, capsys)
    assert row["status"] == "ok"
    assert "" not in row


def test_an_object_as_input_is_read_as_fields(
    on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scored(CASES / "json-object-input/rows.jsonl", on_tiny, tmp_path, capsys)
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert all(row["accuracy_original"] in ("0.0", "100.0") for row in rows)


def test_answers_and_inputs_that_are_zero_or_false_count(
    on_tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scored(CASES / "falsy-answers/rows.jsonl", on_tiny, tmp_path, capsys)
    assert [row["status"] for row in rows] == ["ok"] * 4
    assert all(row["accuracy_original"] in ("0.0", "100.0") for row in rows)
    assert {row["output_original"] for row in rows[1:2]} <= {"true", "false"}


def test_a_running_number_is_no_field_and_is_reported() -> None:
    (task,), left = sources.read_tasks([str(CASES / "table-index-column/reviews.csv")])
    assert task.fields == ("input",)
    assert [row.what for row in left] == ["column"]
    assert "numbers the rows" in left[0].reason


def test_two_files_of_a_benchmark_are_two_tasks() -> None:
    names = [str(CASES / "bbh-one-id" / f"{name}.json") for name in ("first", "second")]
    tasks, left = sources.read_tasks(names)
    assert ([task.id for task in tasks], left) == (["first", "second"], [])


def test_hundreds_of_different_outputs_are_no_label_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, taken = imported("ni-open-answers", tmp_path, capsys)
    assert (taken, made["decided"]) == ([], {"free text": 1})
    assert "562 different outputs in 600 rows are no fixed set" in made["left"][0]["reason"]


def test_lettered_completions_are_options_of_the_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, (found,) = imported("ni-completion-letters", tmp_path, capsys)
    assert made["by_type"] == {"QA": 1}
    assert found.label_words == {}


def test_a_full_stop_may_be_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, (found,) = imported("ni-dot-label", tmp_path, capsys)
    assert made["by_type"] == {"MC": 1}
    assert set(found.label_words) == {".", "?", "!"}
