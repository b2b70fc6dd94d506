import sys

import pytest

from robustness import __version__
from robustness.storage import provenance


def test_it_names_command_versions_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "index", "build"])
    made = provenance.collect(schema=3, seed=7, seconds=1.26)
    assert made.command == "python -m robustness index build"
    assert made.project_version == __version__
    assert (made.schema, made.seed, made.seconds) == (3, 7, 1.3)
    assert made.versions["torch"] != "absent"
    assert made.created.endswith("+00:00")
    assert "cores" in made.hardware


def test_a_folder_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.collect(schema=1).commit == ""
