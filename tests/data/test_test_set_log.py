from pathlib import Path

import pytest

from robustness.data import test_set_log
from robustness.errors import CorruptFileError
from robustness.storage import files


def test_every_evaluation_is_a_line_and_none_is_lost(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert test_set_log.read_log(tmp_path) == []
    test_set_log.append(tmp_path, "m", "first")
    test_set_log.append(tmp_path, "m+p", "second")
    first, second = test_set_log.read_log(tmp_path)
    assert (first.what, second.what, second.model) == ("first", "second", "m+p")
    assert first.weights == files.file_hash(tmp_path / "model.safetensors")
    assert first.created <= second.created
    assert first.command.startswith("python -m robustness")


@pytest.mark.parametrize("line", ["not json", '{"created": "x"}', "[1]"])
def test_a_damaged_line_is_named_and_nothing_is_overwritten(tmp_path: Path, line: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / test_set_log.FILE).write_text(line + "\n")
    with pytest.raises(CorruptFileError, match=test_set_log.FILE):
        test_set_log.append(tmp_path, "m", "more")
    assert (tmp_path / test_set_log.FILE).read_text() == line + "\n"
