import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from robustness.scoring import batch, result_columns
from robustness.scoring.scored_row import COLUMNS, ScoredRow
from robustness.storage import table_writing
from robustness.storage.tables import read_table

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
INSIDE = ("accuracy", "number", "single", "value", "p", "renamed", "given_", "__proto__")


def made(folder: Path, suffix: str, names: tuple[str, ...]) -> Path:
    """A table of two rows with a column of each name, whose cells say whose they are."""
    path = folder / f"in{suffix}"
    rows = [[f"Which {n}?", *(f"mine {name} {n}" for name in names)] for n in range(2)]
    table_writing.write_table(path, ["instruction", *names], rows)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_users_column_of_any_name_is_in_the_result_with_its_values(
    tmp_path: Path, suffix: str
) -> None:
    names = (*COLUMNS, *INSIDE, "given_low", "given_given_status")
    table = read_table(made(tmp_path, suffix, names))
    out = tmp_path / f"out{suffix}"
    scored = [ScoredRow(low=float(n), tier="distance") for n in range(2)]
    batch.write(out, table, scored)
    kept = result_columns.names(table)
    again = read_table(out)
    assert again.header == (*kept, *COLUMNS)
    for number, row in enumerate(again.rows):
        found = [row.cells[kept[1 + place]] for place in range(len(names))]
        assert found == [f"mine {name} {number}" for name in names]
        assert float(row.cells["low"]) == number
        assert row.cells["status"] == "ok"


@pytest.mark.parametrize("name", COLUMNS)
def test_each_name_that_we_write_is_given_to_us_and_the_users_is_told(
    tmp_path: Path, name: str
) -> None:
    table = read_table(made(tmp_path, ".csv", ("mine", name, "last")))
    assert result_columns.names(table) == ("instruction", "mine", f"given_{name}", "last")
    assert result_columns.renamed(table) == {name: f"given_{name}"}
    assert batch.summary([], tmp_path / "out.csv", table).renamed == {name: f"given_{name}"}


def test_a_kept_name_never_meets_another_column_of_the_table(tmp_path: Path) -> None:
    table = read_table(made(tmp_path, ".csv", ("low", "given_low", "given_given_high", "high")))
    assert result_columns.renamed(table) == {"low": "given_given_low", "high": "given_high"}
    twice = ("instruction", "low", "given_low", "given_given_low")
    assert result_columns.renamed(replace(table, header=twice, columns=twice)) == {
        "low": "given_given_given_low"
    }


def test_names_that_csv_would_make_equal_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"instruction": "Which?", "=a": "one", "'=a": "two"}))
    table = read_table(path)
    out = tmp_path / "out.csv"
    batch.write(out, table, [ScoredRow()])
    cells = read_table(out).rows[0].cells
    assert {cells["'=a"], cells["given_'=a"]} == {"one", "two"}


def test_a_result_can_be_scored_again_and_again(tmp_path: Path) -> None:
    path = made(tmp_path, ".csv", ("low",))
    for number in range(3):
        batch.write(path, read_table(path), [ScoredRow(low=float(number))] * 2)
    cells = read_table(path).rows[1].cells
    assert cells["low"] == "2.0"
    assert sorted(cells[name] for name in cells if name.endswith("given_low")) == [
        "0.0", "1.0", "mine low 1"
    ]


def test_a_column_that_is_the_index_of_a_parquet_table_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pd.DataFrame({"instruction": ["a", "b"], "low": ["mine 0", "mine 1"]})
    table.set_index("low").to_parquet(path)
    assert [row.cells["low"] for row in read_table(path).rows] == ["mine 0", "mine 1"]
