"""Commands and servers as they run for a user: standard error has this project's lines alone."""

import logging
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from robustness import paths, quiet

MEASURED = str(paths.ASSETS / "examples" / "measured.csv")
TEXT = "Say if this is a view or a fact."


def run(*arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """A process with the environment of a user, who has set none of the libraries' variables."""
    told = ("HF_", "TRANSFORMERS_", "GRADIO_", "PYTHONWARNINGS", "TQDM_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(told)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=paths.ROOT, env=environment | {"HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == expected, done.stderr
    return done


@pytest.mark.parametrize(
    "arguments",
    [
        ["published", "table3", "--draws", "100"],
        ["predict", "Whereabouts is {name}? {story}", "--measurements", MEASURED, "--task",
         "place"],
    ],
    ids=["published", "measurements"],
)
def test_a_light_command_says_nothing_beside_its_result(arguments) -> None:
    done = run("-m", "robustness", *arguments)
    assert done.stdout and not done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", TEXT, "--task", "subjectivity"],
        ["compare", TEXT, "--task", "subjectivity", "--input", "a warm, witty film"],
        ["index", "info"],
        ["compare", TEXT, "--task", "subjectivity", "--prefix", "lora-kl"],
    ],
    ids=["predict", "compare", "index", "lora"],
)
def test_a_command_that_loads_a_model_says_nothing_beside_its_result(
    arguments, backbone: Path
) -> None:
    done = run("-m", "robustness", *arguments)
    assert done.stdout and not done.stderr


def test_a_mistake_is_the_only_line() -> None:
    done = run(
        "-m", "robustness", "published", "table3", "--results", "no/such.csv", expected=2
    )
    assert not done.stdout
    assert re.fullmatch(r"error: .*\n", done.stderr)


def test_a_library_that_puts_its_own_filters_in_front_is_quiet_too() -> None:
    code = (
        "from robustness import quiet; quiet.settle()\n"
        "import warnings, logging\n"
        "warnings.filterwarnings('always', category=DeprecationWarning)\n"
        "warnings.warn('old', DeprecationWarning); warnings.warn('soon', FutureWarning)\n"
        "logging.getLogger('httpx').info('HTTP Request'); logging.getLogger('x').warning('hm')\n"
        "logging.getLogger('robustness.x').warning('ours')\n"
    )
    assert run("-c", code).stderr == "ours\n"
    assert "old" in run("-W", "default", "-c", code).stderr


def test_what_the_environment_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in quiet._SETTINGS:
        monkeypatch.setenv(name, "kept" if name == "TRANSFORMERS_VERBOSITY" else "")
        if name != "TRANSFORMERS_VERBOSITY":
            monkeypatch.delenv(name)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    levels = {n: logging.getLogger(n).level for n in (None, "robustness", "server")}
    try:
        quiet.settle()
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "kept"
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
