from pathlib import Path

import pytest

from server.settings import settings_from


def test_the_server_is_on_loopback_by_default() -> None:
    assert settings_from([], environment={}).host == "127.0.0.1"


def test_the_folder_of_jobs_comes_from_the_environment_unless_named() -> None:
    environment = {"STEADFAST_JOBS": "elsewhere"}
    assert settings_from([], environment=environment).jobs == Path("elsewhere")
    assert settings_from(["--jobs", "here"], environment=environment).jobs == Path("here")


def test_an_unknown_argument_ends_with_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        settings_from(["--prot", "1"])
    assert caught.value.code == 2
    assert "--prot" in capsys.readouterr().err
