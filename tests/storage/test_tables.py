import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.storage import cells, table_writing, tables
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
    table_writing.write_table(
        path, ["instruction", "low", "agree"], [["a", 1.5, True], ["b", None, 0.5]]
    )
    again = tables.read_table(path)
    assert column(again, "instruction") == ["a", "b"]
    assert float(again.rows[0].cells["low"]) == 1.5
    assert again.rows[1].cells["low"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_spreadsheet_runs_a_cell(start: str) -> None:
    text = table_writing.csv_bytes(["instruction", "difference"], [[f"{start}1+1", -3.0]]).decode()
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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('instruction,task\na,x\n"b,y\nc,z\nd,w\n', 3),
        ('instruction,task\na,x\nb,"y\nc,z\nd,"w"\n', 3),
        ('instruction\n"a\n', 2),
        ("instruction\n" + "".join(f'{chr(34) * (n == 10)}row {n}\n' for n in range(1, 1001)), 11),
    ],
)
def test_a_quotation_mark_that_swallows_rows_is_an_error_that_names_the_line(
    text: str, line: int
) -> None:
    with pytest.raises(InputError, match=f"line {line}: a quotation mark"):
        tables.read_table(text.encode(), "x.csv")


def test_quoted_line_breaks_and_stray_marks_inside_a_line_are_text() -> None:
    table = tables.read_table(b'instruction,task\n"a\nb",x\n5" disk,y\n"c"d,z\n', "x.csv")
    assert column(table, "instruction") == ["a\nb", '5" disk', "cd"]
    assert not errors(table)


@pytest.mark.parametrize(
    "line",
    [
        '{"instruction": "a\\ud800"}', '{"instruction": ' + "9" * 5000 + "}", "[" * 100_000,
        '{"instruction": ' + "[" * 40 + "]" * 40 + "}", '{"\\ud800": 1}' + "x",
        '{"instruction": "' + "w " * 70_000 + '"}',
    ],
    ids=["half a character", "5,000 digits", "nested", "deep", "name", "long"],
)
def test_whatever_a_json_line_holds_it_alone_carries_an_error(line: str, tmp_path: Path) -> None:
    data = f'{{"instruction": "first"}}\n{line}\n{{"instruction": "last"}}\n'.encode()
    table = tables.read_table(data, "x.jsonl")
    assert set(errors(table)) == {1}
    assert [table.rows[n].cells["instruction"] for n in (0, 2)] == ["first", "last"]
    for suffix in (".csv", ".json", ".jsonl", ".parquet"):
        rows = [[row.cells[c] for c in table.columns] for row in table.rows]
        table_writing.write_table(tmp_path / f"out{suffix}", table.header, rows)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rubbish_that_looks_like_the_mark_of_utf_16_costs_its_line_alone(end: str) -> None:
    text = f'{end}{{"instruction": "a"}}{end}{{"instruction": "b"}}{end}'.encode()
    for rubbish in (b"\xff\xfe", b"\xfe\xff"):
        table = tables.read_table(rubbish + text, "x.jsonl")
        assert column(table, "instruction")[1:] == ["a", "b"]
        assert list(errors(table)) == [0]
    both = tables.read_table('{"instruction": "ä"}\n'.encode("utf-16"), "x.jsonl")
    assert column(both, "instruction") == ["ä"]


def test_a_long_number_in_a_json_list_is_its_rows_error() -> None:
    rows = b'[{"instruction": "a"}, {"instruction": ' + b"9" * 5000 + b"}]"
    table = tables.read_table(rows, "x.json")
    assert set(errors(table)) == {1}
    assert "5000 digits" in errors(table)[1]


def test_a_long_cell_is_its_rows_error() -> None:
    long = b"instruction,input\na," + b"w" * 140_000 + b"\nb,short\n"
    table = tables.read_table(long, "x.csv")
    assert set(errors(table)) == {0}
    assert "140000 characters" in errors(table)[0]
    assert table.rows[1].cells["input"] == "short"


def test_a_valid_file_may_hold_the_replacement_character() -> None:
    table = tables.read_table("instruction\na\N{REPLACEMENT CHARACTER}\n".encode(), "x.csv")
    assert not errors(table)


def test_a_spreadsheets_trailing_empty_columns_are_dropped() -> None:
    table = tables.read_table(b"instruction,task,,\na,x,,\nb,y,,,\n", "x.csv")
    assert table.columns == ("instruction", "task")
    assert not errors(table)
    with pytest.raises(InputError, match="a column twice"):
        tables.read_table(b"instruction,task,,\na,x,,z\n", "x.csv")


@pytest.mark.parametrize("text", ["-0.35", "+1", "-3", "-1.5e-7", "-0,35", "-.5"])
def test_a_plain_number_is_no_formula(text: str) -> None:
    assert cells.guarded(text) == text


@pytest.mark.parametrize("text", ["-1+1", "+A1", "-0.35x", "=-0.35", "-", "-1\n"])
def test_what_only_begins_like_a_number_is_guarded(text: str) -> None:
    assert cells.guarded(text) == f"'{text}"


def test_columns_are_found_whatever_their_case_and_written_as_they_were() -> None:
    table = tables.read_table(b"Instruction,TASK,Note\na,x,n\n", "x.csv")
    assert table.columns == ("instruction", "task", "Note")
    assert table.header == ("Instruction", "TASK", "Note")
    both = tables.read_table(b"Instruction,instruction\na,b\n", "x.csv")
    assert both.rows[0].cells == {"Instruction": "a", "instruction": "b"}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"instruction\ttask\na, b\tx\n", "x.tsv"), (b"instruction\ttask\na, b\tx\n", "x.csv"),
        (b"sep=;\ninstruction;task\na, b;x\n", "x.csv"),
        (b"instruction;task\ra, b;x\r", "x.csv"), (b"instruction\ttask\ra, b\tx\r", "x.csv"),
    ],
)
def test_cells_are_parted_as_the_file_says(data: bytes, name: str) -> None:
    table = tables.read_table(data, name)
    assert table.rows[0].cells == {"instruction": "a, b", "task": "x"}


def test_numbers_and_truth_values_mean_what_they_say() -> None:
    assert [cells.text_of(v) for v in (0, False, 0.5, 3.0, "", "0", None)] == [
        "0", "false", "0.5", "3", "", "0", "",
    ]


def test_a_parquet_file_whose_text_is_not_utf8_is_told_as_damaged() -> None:
    bytes_ = pa.array([b"a\xdcb"], pa.binary())
    text = pa.StringArray.from_buffers(1, bytes_.buffers()[1], bytes_.buffers()[2])
    out = io.BytesIO()
    pq.write_table(pa.table({"instruction": text}), out)
    with pytest.raises(CorruptFileError, match="Parquet"):
        tables.read_table(out.getvalue(), "x.parquet")


def test_two_names_that_are_not_utf8_do_not_become_one_column() -> None:
    with pytest.raises(InputError, match="names a column twice"):
        tables.read_table(b"instruction,caf\xe9,caf\xe8\na,one,two\n", "x.csv")
