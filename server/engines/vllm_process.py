"""A vLLM that is started here and started again when it dies.

Refuses to know what it is asked.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from robustness.errors import EngineError
from server.engines.vllm_command import Launch

_log = logging.getLogger(__name__)

_GUARD = Path(__file__).resolve().with_name("vllm_guard.py")
_START_SECONDS = 900.0
"""What loading a model may take."""
_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 60.0
"""A run that lasts longer is no failure to start."""
_END_SECONDS = 10.0
_POLL_SECONDS = 0.25


class VllmProcess:
    """One supervised process. Safe to share among threads."""

    def __init__(self, launch: Launch, url: str, log: Path, *, first_wait: float = 1.0) -> None:
        """Starts nothing yet.

        Args:
            launch: The command.
            url: Where it will listen.
            log: Receives what it prints, from the beginning at every server's start.
            first_wait: Seconds before the first restart; doubled at each failure after that.
        """
        self._launch = launch
        self._url = url
        self._log_file = log
        self._first_wait = first_wait
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._settled = threading.Event()
        """Set once the first start has come to an end, good or bad."""
        self._state = "is starting"
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="steadfast-vllm", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts it and waits until it answers.

        Raises:
            EngineError: It ended or did not answer in time; the message has its last lines.
        """
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log_file.write_bytes(b"")
        self._thread.start()
        self._settled.wait()
        if not self._ready.is_set():
            self.close()
            raise EngineError(
                f"vLLM did not start; the end of {self._log_file}:\n{self._last_lines()}"
            )

    def problem(self) -> str | None:
        """Why it cannot be asked now, None when it can."""
        return None if self._ready.is_set() else self._state

    def close(self) -> None:
        """Ends it for good."""
        self._ended.set()
        self._stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * _END_SECONDS)

    def _supervise(self) -> None:
        wait = self._first_wait
        while not self._ended.is_set():
            begun = time.monotonic()
            code = self._run()
            self._ready.clear()
            first = not self._settled.is_set()
            self._settled.set()
            if first or self._ended.is_set():
                return
            if time.monotonic() - begun > _STEADY_SECONDS:
                wait = self._first_wait
            self._state = f"ended with status {code} and is started again in {wait:.0f} s"
            _log.warning("vLLM %s; its output is in %s", self._state, self._log_file)
            self._ended.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _run(self) -> int | None:
        """One life of the process; its exit status."""
        self._state = "is starting"
        # Started from this thread, which lives as long: the guard's signal is tied to it.
        with self._log_file.open("ab") as output:
            process = self._process = subprocess.Popen(
                [sys.executable, str(_GUARD), str(os.getpid()), *self._launch.arguments],
                env=self._inherited() | dict(self._launch.environment),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # A group of its own: an interrupt at the terminal is for the server to handle,
                # and what the process leaves behind can be ended with it.
                start_new_session=True,
            )  # fmt: skip
        try:
            if self._answers(process):
                self._state = "runs"
                self._ready.set()
                self._settled.set()
                process.wait()
            return process.poll()
        finally:
            self._stop()
            self._process = None

    def _inherited(self) -> dict[str, str]:
        inherited = dict(os.environ)
        # vLLM compiles thousands of modules: without their byte code each start takes minutes.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        limit = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < limit and not self._ended.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self._url}/health", timeout=5, trust_env=False).is_success:
                    return True
            self._ended.wait(_POLL_SECONDS)
        return False

    def _stop(self) -> None:
        """Ends the process and whatever of its group is left."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_END_SECONDS)
        # Its engine outlives a process that was killed.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _last_lines(self, count: int = 15) -> str:
        lines = self._log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])
