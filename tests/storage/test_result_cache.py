from pathlib import Path

from robustness.storage.result_cache import Journal


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal"
    Journal(path, resume=False).keep("a", {"x": 1.5})
    assert Journal(path, resume=True).get("a") == {"x": 1.5}
    assert Journal(path, resume=True).get("b") is None


def test_without_resume_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, resume=False).keep("a", 1)
    assert Journal(path, resume=False).get("a") is None


def test_a_line_that_was_cut_off_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"key": "a", "value": 1}\n{"key": "b", "va')
    journal = Journal(path, resume=True)
    journal.keep("c", 3)
    again = Journal(path, resume=True)
    assert (again.get("a"), again.get("b"), again.get("c")) == (1, None, 3)


def test_no_path_keeps_nothing() -> None:
    journal = Journal(None, resume=True)
    journal.keep("a", 1)
    assert journal.get("a") is None


def test_a_line_separator_inside_a_value_is_kept(tmp_path: Path) -> None:
    Journal(tmp_path / "rows", resume=False).keep("a", "one\u2028two")
    assert Journal(tmp_path / "rows", resume=True).get("a") == "one\u2028two"
