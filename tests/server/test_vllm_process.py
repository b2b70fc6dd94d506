"""The supervision of vLLM, with small programs in its place."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from robustness.errors import EngineError
from server.engines import vllm_log, vllm_process
from server.engines.vllm_command import Launch
from server.engines.vllm_process import VllmProcess

HEALTHY = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
print("begun", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], VllmProcess]]:
    made: list[VllmProcess] = []

    def process(program: str, silence: float = 120.0) -> VllmProcess:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        launch = Launch(arguments=(sys.executable, "-c", program, str(port)), environment={})
        made.append(
            VllmProcess(
                launch, f"http://127.0.0.1:{port}", tmp_path / "log" / "out.log",
                first_wait=0.1, silence=silence,
            )
        )
        made[-1].start()
        return made[-1]

    yield process
    for one in made:
        one.close()


def test_it_has_started_when_it_answers(start) -> None:
    assert start(HEALTHY).problem() is None


def test_one_that_ends_at_once_is_an_error_with_its_last_words(start) -> None:
    with pytest.raises(EngineError, match="no such option"):
        start("import sys; sys.exit('no such option')")


def test_a_killed_one_is_started_again(start, until, tmp_path: Path) -> None:
    process = start(HEALTHY)
    first = process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: process.problem() is not None)
    until(lambda: process.problem() is None)
    assert process.pid != first
    assert (tmp_path / "log" / "out.log").read_text() == "begun\nbegun\n"


def test_one_that_does_not_come_back_is_tried_again_and_again(start, until, tmp_path) -> None:
    once = tmp_path / "once"
    process = start(
        "import pathlib\n"
        f"tries = pathlib.Path({str(once)!r})\n"
        "tries.open('a').write('x')\n"
        "if len(tries.read_text()) > 1: raise SystemExit(3)\n" + HEALTHY
    )
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: len(once.read_text()) >= 3)
    until(lambda: "status 3 and is started again" in (process.problem() or ""))


@pytest.mark.slow
def test_one_that_hangs_is_started_again(start, until) -> None:
    process = start(HEALTHY, silence=1.0)
    first = process.pid
    os.kill(first, signal.SIGSTOP)
    until(lambda: "did not answer for 1 s" in (process.problem() or ""))
    until(lambda: process.problem() is None)
    assert process.pid != first
    assert not psutil.pid_exists(first)


@pytest.mark.slow
def test_one_that_is_slow_for_a_while_is_left_alone(start) -> None:
    process = start(HEALTHY, silence=3.0)
    first = process.pid
    os.kill(first, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(first, signal.SIGCONT)
    time.sleep(2.5)
    assert (process.pid, process.problem()) == (first, None)


@pytest.mark.slow
def test_waits_between_starts_grow_up_to_a_bound_and_say_what_was_wrong(
    start, until, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(vllm_process, "_LONGEST_WAIT", 0.4)
    waits = []
    once = tmp_path / "once"
    process = start(
        "import pathlib\n"
        f"if pathlib.Path({str(once)!r}).exists():\n"
        "    print('(EngineCore pid=7) ERROR 11-21 11:42:15 [core.py:9] '\n"
        "          'MemoryError: no room for the cache', flush=True)\n"
        "    print('RuntimeError: Engine core failed. See root cause above.', flush=True)\n"
        "    raise SystemExit(1)\n" + HEALTHY
    )
    wait = process._ended.wait

    def recorded(seconds: float) -> bool:
        if seconds not in (vllm_process._POLL_SECONDS,):
            waits.append(seconds)
        return wait(seconds)

    monkeypatch.setattr(process._ended, "wait", recorded)
    once.touch()
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: len(waits) >= 5)
    assert waits[:5] == [0.1, 0.2, 0.4, 0.4, 0.4]
    assert "MemoryError: no room for the cache" in process.problem()
    assert "SIGKILL" in caplog.text
    assert "MemoryError: no room for the cache" in caplog.text
    once.unlink()
    until(lambda: process.problem() is None)


def test_what_it_leaves_behind_is_ended_with_it(start, until, tmp_path: Path) -> None:
    child = tmp_path / "child"
    process = start(
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(child)!r}, 'w').write(str(p.pid))\n" + HEALTHY
    )
    left = int(child.read_text())
    process.close()
    until(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == "zombie")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's own")
def test_it_ends_with_the_server_that_started_it(until) -> None:
    guard = Path(VllmProcess.__module__.replace(".", "/")).with_name("vllm_guard.py").resolve()
    server = subprocess.Popen(
        [
            sys.executable, "-c",
            "import os, subprocess, sys, time\n"
            f"p = subprocess.Popen([sys.executable, {str(guard)!r}, str(os.getpid()),"
            " sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print(p.pid, flush=True)\n"
            "time.sleep(600)",
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        guarded = psutil.Process(int(server.stdout.readline()))
        # Of the guard's own words the first is its file; while it is replaced there are none.
        until(lambda: guarded.cmdline()[1:2] == ["-c"])
        server.kill()
        until(lambda: not guarded.is_running() or guarded.status() == psutil.STATUS_ZOMBIE)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "(EngineCore pid=7) ERROR 11-21 11:42:15 [core.py:9] torch.OutOfMemoryError: 2 GiB\n"
            "Traceback (most recent call last):\n"
            "(APIServer pid=1) RuntimeError: Engine core initialization failed. "
            "See root cause above. Failed core proc(s): {}\n",
            "torch.OutOfMemoryError: 2 GiB",
        ),
        ("loading\nno such option\n\n", "no such option"),
        ("", ""),
    ],
)
def test_the_reason_is_the_error_that_came_first(tmp_path: Path, log: str, reason: str) -> None:
    path = tmp_path / "out.log"
    path.write_text("ValueError: of an earlier life\n")
    begun = path.stat().st_size
    path.write_text(path.read_text() + log)
    assert vllm_log.reason(path, begun) == reason
