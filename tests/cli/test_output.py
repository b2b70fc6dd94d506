"""Progress where standard error is a file: a line now and then, and none of a short command."""

import pytest

from robustness.cli import output


def test_a_long_command_leaves_lines_of_progress_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    with output.progress("task") as report:
        for done in range(5):
            now += 25
            report("reading", done, 5)
    assert capsys.readouterr().err.splitlines() == ["reading: task 2 of 5"]


def test_a_short_command_leaves_none(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("task") as report:
        report("reading", 1, 5)
    assert capsys.readouterr().err == ""
