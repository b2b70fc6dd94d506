"""docs/deploy.md and the Containerfile: what they name exists, and the container's steps work here.

For the reverse proxy see `browser/test_behind_a_proxy.py`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from robustness import paths
from server.options import app_of, with_settings

PAGE = (paths.ROOT / "docs/deploy.md").read_text(encoding="utf-8")
FILE = (paths.ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
USER = 10001


def steps(name: str) -> list[str]:
    """The arguments of each step of a kind in the Containerfile."""
    return re.findall(rf"^{name} (.*)$", FILE, re.M)


def environment() -> dict[str, str]:
    """The variables that the Containerfile sets."""
    return dict(word.split("=", 1) for step in steps("ENV") for word in shlex.split(step))


def locked(package: str) -> str:
    lock = (paths.ROOT / "locks/cpu.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)$", lock, re.M)
    assert found is not None
    return found[1]


def variables() -> dict[str, str]:
    """Variable -> name of the option of a server."""
    command = typer.main.get_command(app_of(with_settings(lambda _: None)))
    return {str(p.envvar): p.opts[0] for p in command.params if p.envvar}


def test_the_front_matter_of_a_space_fits_the_lock_and_the_files() -> None:
    (block,) = re.findall(r"```yaml\n---\n(.*?)---\n```", PAGE, re.S)
    matter = yaml.safe_load(block)
    assert matter["sdk"] == "gradio"
    assert matter["sdk_version"] == locked("gradio")
    assert (paths.ROOT / matter["app_file"]).is_file()
    assert steps("FROM") == [f"python:{matter['python_version']}-slim"]
    licence = (paths.ROOT / "LICENSE").read_text(encoding="utf-8")
    assert matter["license"] == "apache-2.0"
    assert "Apache License" in licence


def test_every_variable_of_the_page_and_of_the_containerfile_is_an_option_s() -> None:
    known = set(variables()) | {"STEADFAST_API_KEY"}
    told = set(re.findall(r"STEADFAST_[A-Z_]+", PAGE)) | set(re.findall(r"STEADFAST_[A-Z_]+", FILE))
    assert told <= known
    assert "STEADFAST_NO_AUTH" in told


def test_what_the_containerfile_copies_is_all_that_the_demo_needs() -> None:
    sources = [word for step in steps("COPY") for word in step.split()[:-1]]
    for source in sources:
        assert (paths.ROOT / source).exists(), source
    assert {"app.py", "robustness", "server", "assets", "indexes"} <= set(sources)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    """The folders that the Containerfile makes: `app`, which nobody can write, and `data`."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as another user")
    root = Path("/tmp", f"steadfast-image-{os.getpid()}")  # pytest's folders are root's alone
    (root / "app").mkdir(parents=True)
    for step in steps("COPY"):
        *sources, target = step.split()
        for source in sources:
            found = paths.ROOT / source
            to = root / "app" / target
            if found.is_dir():
                shutil.copytree(found, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to = to / found.name if target.endswith("/") else to
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, to)
    for path in (root / "app", *(root / "app").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for name in ("data", "tmp"):
        (root / name).mkdir()
        os.chown(root / name, USER, USER)
    yield root
    shutil.rmtree(root)


def interpreter(run: dict[str, object]) -> tuple[str, dict[str, str]]:
    """A Python with the requirements that another user may run, with its variables."""
    packages = {"PYTHONPATH": sysconfig.get_path("purelib")}
    system = shutil.which(f"python3.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")
    for path, more in ((sys.executable, {}), (system, packages)):
        given = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | more
        try:
            if path and not subprocess.run(
                [path, "-c", "import gradio"], env=given, check=False, **run
            ).returncode:
                return path, more
        except OSError:
            continue
    pytest.skip("no Python with the requirements can be run by another user here")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_container_s_steps_run_without_rights_on_a_tree_that_cannot_be_written(
    image: Path,
) -> None:
    run: dict[str, object] = {
        "user": USER, "group": USER, "extra_groups": [], "cwd": image / "app",
    }
    python, more = interpreter(run)
    given = {
        name: re.sub("^/(data|tmp)", rf"{image}/\1", value)
        for name, value in environment().items()
    }
    given |= {"PATH": os.environ["PATH"], "TMPDIR": str(image / "tmp"), "HF_HUB_OFFLINE": "1"}
    given |= more | {
        "STEADFAST_API_KEY": "k" * 24, "STEADFAST_PORT": "17860", "STEADFAST_HOST": "127.0.0.1",
    }
    (entry,) = steps("ENTRYPOINT")
    (health,) = steps("HEALTHCHECK")
    told = yaml.safe_load(health.partition("CMD")[2])
    log = image / "tmp" / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [python, *yaml.safe_load(entry)[1:]], env=given, stdout=out, stderr=out,
            **run,
        )
        try:
            limit = time.monotonic() + 120
            while subprocess.run([python, *told[1:]], env=given, capture_output=True, **run,
                                 check=False).returncode:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < limit, log.read_text()
                time.sleep(1)
            ready = [
                python, "-c",
                "import sys, httpx; r = httpx.get('http://127.0.0.1:17860/readyz', timeout=9, "
                "headers={'Authorization': 'Bearer ' + 'k' * 24}); sys.exit(r.status_code != 200)",
            ]
            while subprocess.run(ready, env=given, capture_output=True, check=False,
                                 **run).returncode:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < limit + 120, log.read_text()
                time.sleep(1)
        finally:
            server.terminate()
            server.wait(timeout=60)
    assert "Traceback" not in log.read_text()
    assert (image / "data" / "jobs" / ".session-key").stat().st_uid == USER
