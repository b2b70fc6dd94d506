from pathlib import Path

import pytest

from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.storage import tables
from robustness.storage.tables import Table


def column(table: Table, name: str) -> list[object]:
    return [row.cells[name] for row in table.rows]


def errors(table: Table) -> dict[int, str]:
    return {row.number: row.broken for row in table.rows if row.broken}


def test_a_file_without_the_column_is_refused_with_what_was_found() -> None:
    with pytest.raises(InputError, match="found: text, task"):
        tables.read_table(b"text,task\na,b\n", "x.csv")
    with pytest.raises(InputError, match="is empty"):
        tables.read_table(b"", "x.csv")
    with pytest.raises(InputError, match="unknown"):
        tables.read_table(b"", "x.xlsx")
    with pytest.raises(CorruptFileError, match="Parquet"):
        tables.read_table(b"nothing", "x.parquet")
    with pytest.raises(NotFoundError):
        tables.read_table(Path("/nowhere/x.csv"))


def test_broken_rows_are_named_and_the_others_read() -> None:
    table = tables.read_table(b"instruction,task\na,b\nc,d,e\ncaf\xe9,x\nf\n", "x.csv")
    assert column(table, "instruction") == ["a", "c", "caf\N{REPLACEMENT CHARACTER}", "f"]
    assert set(errors(table)) == {1, 2}
    assert table.rows[3].cells["task"] == ""
    lines = tables.read_table(b'{"instruction": "a"}\n{broken\n[1]\n', "x.jsonl")
    assert set(errors(lines)) == {1, 2}


def test_spreadsheets_of_other_countries_are_read() -> None:
    data = "\ufeffinstruction;task\nWo ist es?;place\n"
    for spelt in (data.encode(), data[1:].encode("utf-16")):
        assert column(tables.read_table(spelt, "x.csv"), "task") == ["place"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    tables.write_table(
        path, ["instruction", "low", "agree"], [["a", 1.5, True], ["b", None, 0.5]]
    )
    again = tables.read_table(path)
    assert column(again, "instruction") == ["a", "b"]
    assert float(again.rows[0].cells["low"]) == 1.5
    assert again.rows[1].cells["low"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_spreadsheet_runs_a_cell(start: str) -> None:
    text = tables.csv_bytes(["instruction", "difference"], [[f"{start}1+1", -3.0]]).decode()
    assert f"'{start}1+1" in text
    assert ",-3.0" in text


def test_a_json_list_keeps_its_good_rows() -> None:
    rows = b'[{"instruction": "a"}, 3, {"instruction": "b", "x": [1, 2]}]'
    table = tables.read_table(rows, "m.json")
    assert column(table, "instruction") == ["a", "", "b"]
    assert column(table, "x")[2] == "1|2"
    assert errors(table) == {1: "the row is not a JSON object"}
    with pytest.raises(InputError, match="one list"):
        tables.read_table(b'{"instruction": "a"}', "m.json")
    with pytest.raises(CorruptFileError, match="not JSON"):
        tables.read_table(b'[{"instruction"', "m.json")
