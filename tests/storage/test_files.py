from pathlib import Path

import pytest

from robustness.errors import CorruptFileError, MismatchError, NotFoundError
from robustness.storage import files


def test_an_interrupted_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"schema": 1})
    with pytest.raises(RuntimeError), files.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert files.read_json(path, schema=1) == {"schema": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_truncated_file_is_called_corrupt(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"schema":')
    with pytest.raises(CorruptFileError, match=r"a\.json is not valid JSON"):
        files.read_json(tmp_path / "a.json")


def test_another_schema_is_refused_with_both_numbers(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"schema": 9})
    with pytest.raises(MismatchError, match="schema 9, this version reads 1"):
        files.read_json(tmp_path / "a.json", schema=1)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\nnot json\n')
    with pytest.raises(CorruptFileError, match="line 2"):
        files.read_jsonl(tmp_path / "a.jsonl")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        files.read_jsonl(tmp_path / "none.jsonl")


def test_undefined_numbers_are_null_and_never_zero() -> None:
    assert files.plain({"x": float("nan")}) == {"x": None}


def test_a_list_where_a_schema_is_wanted_is_a_corrupt_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(CorruptFileError, match="no JSON object"):
        files.read_json(tmp_path / "a.json", schema=1)


def test_a_line_separator_inside_a_text_does_not_end_the_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    files.write_jsonl(path, [{"text": "one\u2028two\x85three"}])
    assert files.read_jsonl(path) == [{"text": "one\u2028two\x85three"}]


@pytest.mark.parametrize("text", [b"[" * 100_000, b"9" * 5_000, b"{", b"\xed\xa0\x80"])
def test_whatever_a_json_file_holds_it_is_corrupt_and_no_crash(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    for read in (files.read_json, files.read_jsonl, files.read_object):
        with pytest.raises(CorruptFileError):
            read(path)


def test_a_json_file_that_holds_no_object_is_corrupt_where_one_is_wanted(tmp_path: Path) -> None:
    files.write_json(tmp_path / "x.json", [1])
    with pytest.raises(CorruptFileError, match="no JSON object"):
        files.read_object(tmp_path / "x.json")


def test_a_document_without_what_is_asked_of_it_names_its_file(tmp_path: Path) -> None:
    for wrong in ({}, {"rows": 3}):
        with pytest.raises(CorruptFileError, match=r"x\.json is damaged"), files.well_formed(
            tmp_path / "x.json"
        ):
            list(wrong["rows"])
