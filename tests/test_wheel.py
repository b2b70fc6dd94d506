"""The wheel in an empty environment, away from the checkout: commands, page and types.

`make test-wheel` builds and installs it, and runs this file alone.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

import httpx
import pandas as pd
import pytest
from packaging.requirements import Requirement

from robustness import paths

_START_SECONDS = 200


@pytest.fixture(scope="module")
def environment() -> Path:
    """The programs of an environment that has the wheel and what it depends on."""
    return Path(os.environ["STEADFAST_WHEEL_ENV"]).resolve() / "bin"


@pytest.fixture
def away(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty working folder, and variables that lead to no checkout."""
    left_out = ("PYTHON", "STEADFAST", "VIRTUAL_ENV", "COVERAGE")
    yield tmp_path, {k: v for k, v in os.environ.items() if not k.startswith(left_out)}


def ran(
    environment: Path, away: tuple[Path, dict[str, str]], program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    folder, variables = away
    return subprocess.run(
        [str(environment / program), *arguments], cwd=folder, env=variables,
        capture_output=True, text=True, check=False,
    )


def test_the_package_lies_in_the_environment_with_its_data_and_types(
    environment: Path, away: tuple[Path, dict[str, str]]
) -> None:
    shown = ran(
        environment, away, "python", "-c",
        "import robustness.paths as p, server, json; from pathlib import Path\n"
        "print(json.dumps([server.__file__, *map(str, (p.ROOT, p.BACKBONE, p.INDEXES))]))",
    )
    server, root, backbone, indexes = json.loads(shown.stdout)
    assert Path(root).is_relative_to(environment.parent)
    assert (Path(root) / "py.typed").is_file()
    assert Path(server).with_name("py.typed").is_file()
    assert (Path(backbone) / "model.safetensors").is_file()
    assert list(Path(indexes).glob("steadfast-mini/*/manifest.json"))


def test_dependencies_and_extras_are_those_of_the_requirements_files(environment: Path) -> None:
    [path] = environment.parent.glob("lib/python3.*/site-packages/steadfast_nlp-*.dist-info")
    told = HeaderParser().parsestr((path / "METADATA").read_text(encoding="utf-8"))
    assert told["Requires-Python"] == "<3.14,>=3.11"
    written: dict[str, set[str]] = {}
    for text in told.get_all("Requires-Dist") or []:
        needed = Requirement(text)
        extra = re.search(r'extra == "(\w+)"', str(needed.marker))
        needed.marker = None
        written.setdefault(extra[1] if extra else "cpu", set()).add(str(needed).lower())
    assert set(written) == {"cpu", "vllm", "ray", "train", "encoder", "mcp", "dev"}
    for name, found in written.items():
        lines = (paths.ROOT / f"requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
        asked = {str(Requirement(li)).lower() for li in lines if li and not li.startswith("#")}
        assert found == asked


def test_help_is_shown(environment: Path, away: tuple[Path, dict[str, str]]) -> None:
    shown = ran(environment, away, "steadfast", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "predict" in shown.stdout


def test_predict_predicts(environment: Path, away: tuple[Path, dict[str, str]]) -> None:
    shown = ran(
        environment, away, "steadfast", "predict", "Say if this is a view or a fact.",
        "--task", "subjectivity", "--json",
    )
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["task"] == "subjectivity"


def test_score_scores_a_table(environment: Path, away: tuple[Path, dict[str, str]]) -> None:
    folder, _ = away
    rows = pd.DataFrame([
        {"instruction": "Say if this is a view or a fact.", "task": "subjectivity",
         "input": "a warm, witty film"},
    ])
    rows.to_csv(folder / "in.csv", index=False)
    shown = ran(environment, away, "steadfast", "score", "in.csv", "--out", "out.csv")
    assert shown.returncode == 0, shown.stderr
    scored = pd.read_csv(folder / "out.csv")
    assert list(scored["status"]) == ["ok"]
    assert scored["predicted_degradation"].notna().all()


def test_a_command_without_its_extra_says_what_to_install(
    environment: Path, away: tuple[Path, dict[str, str]]
) -> None:
    shown = ran(environment, away, "steadfast", "backbone", "train", "--preset", "ci", "--out", "x")
    assert shown.returncode == 2
    assert "pip install 'steadfast-nlp[train]'" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_the_page_is_served(environment: Path, away: tuple[Path, dict[str, str]]) -> None:
    folder, variables = away
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log, subprocess.Popen(
        [str(environment / "steadfast"), "demo", "--port", str(port)],
        cwd=folder, env=variables, stdout=log, stderr=log,
    ) as page:
        try:
            until = time.monotonic() + _START_SECONDS
            status = 0
            while status != 200 and page.poll() is None and time.monotonic() < until:
                try:
                    status = httpx.get(f"{url}/readyz").status_code
                except httpx.TransportError:
                    time.sleep(0.5)
            assert status == 200, (folder / "log").read_text()
            shown = httpx.get(url)
            assert shown.status_code == 200
            assert "Steadfast" in shown.text
        finally:
            page.send_signal(signal.SIGINT)
            page.wait(60)
