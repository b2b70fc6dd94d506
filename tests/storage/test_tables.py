from pathlib import Path

import pandas as pd
import pytest

from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.storage import tables


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
    assert list(table["instruction"]) == ["a", "c", "caf\N{REPLACEMENT CHARACTER}", "f"]
    assert set(table.attrs[tables.ROW_ERRORS]) == {1, 2}
    assert table["task"][3] == ""
    lines = tables.read_table(b'{"instruction": "a"}\n{broken\n[1]\n', "x.jsonl")
    assert set(lines.attrs[tables.ROW_ERRORS]) == {1, 2}


def test_spreadsheets_of_other_countries_are_read() -> None:
    data = "\ufeffinstruction;task\nWo ist es?;place\n"
    assert tables.read_table(data.encode(), "x.csv")["task"][0] == "place"
    assert tables.read_table(data[1:].encode("utf-16"), "x.csv")["task"][0] == "place"


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    table = pd.DataFrame(
        {"instruction": ["a", "b"], "low": [1.5, None], "agree": [True, 0.5]}, dtype=object
    )
    tables.write_table(table, path)
    again = tables.read_table(path)
    assert list(again["instruction"]) == ["a", "b"]
    assert float(again["low"][0]) == 1.5
    assert again["low"][1] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_spreadsheet_runs_a_cell(start: str) -> None:
    table = pd.DataFrame({"instruction": [f"{start}1+1"], "difference": [-3.0]}, dtype=object)
    text = tables.csv_bytes(table).decode()
    assert f"'{start}1+1" in text
    assert ",-3.0" in text


def test_a_json_list_keeps_its_good_rows() -> None:
    rows = b'[{"instruction": "a"}, 3, {"instruction": "b", "x": [1, 2]}]'
    table = tables.read_table(rows, "m.json")
    assert table["instruction"].tolist() == ["a", "", "b"]
    assert table["x"].tolist()[2] == "1|2"
    assert table.attrs[tables.ROW_ERRORS] == {1: "the row is not a JSON object"}
    with pytest.raises(InputError, match="one list"):
        tables.read_table(b'{"instruction": "a"}', "m.json")
    with pytest.raises(CorruptFileError, match="not JSON"):
        tables.read_table(b'[{"instruction"', "m.json")
