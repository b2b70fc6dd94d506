import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from robustness import paths
from robustness.storage.folder_lock import FolderLock
from server import port
from server.options import app_of, settings_from, with_settings
from server.settings import Settings


def test_a_server_listens_on_this_machine_alone_by_default() -> None:
    made = settings_from([], environment={})
    assert (made.host, made.port) == ("127.0.0.1", 7860)
    assert Path(made.model).name == "backbone"
    assert made.prefixes == ()


def test_two_ports_have_two_folders_of_jobs() -> None:
    made = [settings_from(["--port", port], environment={}) for port in ("7860", "7861")]
    assert made[0].jobs != made[1].jobs
    assert made[0].jobs == Path("runs/jobs/7860")


def test_the_folder_of_jobs_is_an_argument_before_it_is_a_variable(monkeypatch) -> None:
    monkeypatch.setenv("STEADFAST_JOBS", "elsewhere")
    assert settings_from([]).jobs == Path("elsewhere")
    assert settings_from(["--jobs", "here"]).jobs == Path("here")


def test_every_option_can_be_a_variable(monkeypatch) -> None:
    given = {
        "HOST": "::1", "PORT": "7999", "PREFIX": "a b/c", "QUEUE_SECONDS": "2.5",
        "WAITING_PREDICTIONS": "3", "ALLOW_PICKLE": "1", "MODEL": "m",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"STEADFAST_{name}", value)
    made = settings_from([])
    assert (made.host, made.port, made.model) == ("::1", 7999, "m")
    assert made.prefixes == ("a", "b/c")
    assert (made.queue_seconds, made.waiting_predictions) == (2.5, 3)
    assert made.loading.allow_pickle


def test_options_and_settings_have_the_same_defaults() -> None:
    # The log of vLLM and the folder of jobs follow the port.
    assert settings_from([], environment={}) == Settings()


def test_prefixes_are_repeatable() -> None:
    made = settings_from(["--prefix", "a", "--prefix", "b/c"], environment={})
    assert made.prefixes == ("a", "b/c")


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--port", "x"], ["--engine", "magic"], ["--modle", "m"]]
)
def test_a_bad_argument_exits_with_status_two(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        settings_from(arguments, environment={})
    assert caught.value.code == 2
    assert arguments[-1] in capsys.readouterr().err


def test_a_vllm_is_named_by_its_address_and_its_key_by_the_environment() -> None:
    made = settings_from(
        ["--engine", "vllm", "--vllm-url", "http://127.0.0.1:8000", "--port", "7861"],
        environment={"VLLM_API_KEY": "key"},
    )
    assert (made.engine, made.vllm_url, made.vllm_key) == ("vllm", "http://127.0.0.1:8000", "key")
    assert made.vllm_log != settings_from([], environment={}).vllm_log


def refusal_of(*arguments: str) -> str:
    """The one sentence with which a server ends before it loads anything."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=paths.ROOT, capture_output=True, text=True, check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "gradio"}
    (told,) = said
    return told


PROGRAMS = [["-m", "server"], ["app.py"], ["-m", "server.console", "serve"]]


@pytest.mark.parametrize("program", [*PROGRAMS, ["-m", "server.console", "demo"]])
def test_a_folder_that_is_no_model_is_told_at_once(program, tmp_path: Path) -> None:
    for model in (tmp_path, tmp_path / "absent"):
        assert refusal_of(*program, "--model", str(model)) == (
            f"error: no model {str(model)!r}: neither a folder with a transformers model nor a "
            "hub name"
        )


def test_the_folder_of_a_difference_is_taken_for_a_model(tmp_path: Path) -> None:
    (tmp_path / "difference.json").write_text("{}")
    told = refusal_of("app.py", "--host", "0.0.0.0", "--model", str(tmp_path))
    assert told.startswith("error: others would reach the server")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_folder_of_jobs_that_cannot_be_used_is_told_at_once(
    program, tmp_path: Path
) -> None:
    held = FolderLock(tmp_path / "used", "")
    (tmp_path / "file").touch()
    for folder, why in (("used", "in use by another process"), ("file", "cannot be written")):
        told = refusal_of(*program, "--port", str(port.free()), "--jobs", str(tmp_path / folder))
        assert why in told and "--jobs FOLDER" in told
    held.close()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_port_in_use_is_told_at_once(program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert refusal_of(*program, "--port", str(taken)) == (
            f"error: port {taken} of 127.0.0.1 is in use; stop what listens there, or choose "
            "another: --port"
        )


def test_a_host_of_no_machine_is_told_at_once() -> None:
    told = refusal_of("-m", "server", "--no-auth", "--host", "192.0.2.1")
    assert told.startswith("error: --host 192.0.2.1: ") and "address of this machine" in told


def test_a_limit_is_an_option_and_a_variable(monkeypatch) -> None:
    monkeypatch.setenv("STEADFAST_MAX_ROWS", "7")
    made = settings_from(["--max-columns", "5", "--max-upload", "2"], environment={})
    assert (made.limits.rows, made.limits.columns, made.largest_upload) == (7, 5, 2 * 2**20)
    assert made.limits.cells == settings_from([], environment={}).limits.cells == 2_000_000
    with pytest.raises(SystemExit):
        settings_from(["--max-cells", "0"], environment={})


def test_the_table_of_the_documentation_is_what_the_options_are() -> None:
    page = (paths.ROOT / "docs/server.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(--[a-z-]+)` \| `(STEADFAST_\w+)` \|", page, re.M))
    defaults = dict(re.findall(r"^\| `(--[a-z-]+)` \| `\w+` \| ([^|]+) \|", page, re.M))
    command = typer.main.get_command(app_of(with_settings(lambda _: None)))
    found = {p.opts[0]: p for p in command.params if p.name != "help"}
    assert told == {name: p.envvar for name, p in found.items()}
    in_words = {
        "--model", "--prefix", "--also", "--revision", "--indexes", "--jobs", "--allow-pickle",
        "--trust-remote-code", "--no-auth", "--template-date", "--mcp",
    }
    for name, option in found.items():
        if name not in in_words:
            value = "none" if option.default in (None, "") else str(option.default)
            assert defaults[name].strip("`") == value.removesuffix(".0"), name


def test_the_other_variables_of_the_documentation_are_read() -> None:
    page = (paths.ROOT / "docs/server.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.M))
    source = (paths.ROOT / "server/options.py").read_text(encoding="utf-8")
    read = set(re.findall(r'environment\.get\("(\w+)"', source))
    assert read <= told
    # These two are the command line's.
    assert told - read == {"STEADFAST_ENGINE_KEY", "STEADFAST_DATA"}


def test_a_limit_that_is_none_is_told(capsys) -> None:
    for option, value in (
        ("--client-rows", "many"), ("--waiting-predictions", "0"), ("--root-path", "demo"),
    ):
        with pytest.raises(SystemExit) as caught:
            settings_from([option, value])
        assert caught.value.code == 2
        assert value in capsys.readouterr().err
