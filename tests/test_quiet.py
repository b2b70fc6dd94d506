"""Commands and servers as they run for a user: standard error has this project's lines alone."""

import logging
import os
import re
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import httpx
import pytest

from robustness import paths, quiet

MEASURED = str(paths.ASSETS / "examples" / "measured.csv")
TEXT = "Say if this is a view or a fact."


def environment() -> dict[str, str]:
    """The environment of a user, who has set none of the libraries' variables."""
    told = ("HF_", "TRANSFORMERS_", "GRADIO_", "PYTHONWARNINGS", "TQDM_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(told)}
    return kept | {"HF_HUB_OFFLINE": "1"}


def run(*arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """A finished process."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=paths.ROOT, env=environment(), capture_output=True,
        text=True, check=False,
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


@pytest.mark.slow
@pytest.mark.parametrize("program", [["app.py"], ["-m", "server"]], ids=["page", "api"])
def test_a_server_says_where_it_is_and_nothing_else(
    program, backbone: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *program, "--port", str(port), "--jobs", str(tmp_path)], cwd=paths.ROOT,
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as http:
            for _ in range(1200):
                assert server.poll() is None
                try:
                    if http.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            asked = {"instruction": TEXT, "task": "subjectivity"}
            assert http.post("/robustness/v1/predict", json=asked).status_code == 200
            assert http.post("/robustness/v1/predict", json={"text": ""}).status_code == 400
            assert http.get("/no/such/page").status_code == 404
    finally:
        server.terminate()
        said, complained = server.communicate(timeout=60)
    assert re.fullmatch(rf"Steadfast\S* (API )?is at http://127.0.0.1:{port}\n", said)
    assert not [
        line for line in complained.splitlines()
        if not re.match(r"(INFO|WARNING): (robustness|server)\.", line)
    ]


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
