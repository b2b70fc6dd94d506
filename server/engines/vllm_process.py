"""Runs vLLM as a child process, and starts it again when it dies or hangs.

Does not check whether vLLM computes; the engine gives a function that does (`probe`).
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from robustness.errors import EngineError, InputError
from server.engines import vllm_log
from server.engines.vllm_command import Launch

_log = logging.getLogger(__name__)

_GUARD = Path(__file__).resolve().with_name("vllm_guard.py")
_START_SECONDS = 900.0
"""Longest time for loading a model, seconds."""
_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 60.0
"""A process that answered for longer, in seconds, counts as started."""
_END_SECONDS = 10.0
_POLL_SECONDS = 0.25
_PROBE_SECONDS = 10.0
"""Seconds between two checks whether it still computes."""


class VllmProcess:
    """A supervised vLLM process. Safe to share among threads."""

    def __init__(
        self,
        launch: Launch,
        url: str,
        log: Path,
        *,
        probe: Callable[[float], None] | None = None,
        silence: float = 120.0,
        first_wait: float = 1.0,
    ) -> None:
        """Starts nothing yet.

        Args:
            launch: The command.
            url: URL where it will listen.
            log: File for its output; overwritten when the server starts.
            probe: Sends a small request and raises EngineError if no answer comes within the given
                seconds; by default vLLM's health check.
            silence: Seconds without an answer after which it is started again.
            first_wait: Seconds before the first restart; doubled at each failure after that, up to
                a minute.
        """
        self._launch = launch
        self._url = url
        self._log_file = log
        self._probe = probe or self._health
        self._silence = silence
        self._first_wait = first_wait
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._settled = threading.Event()
        """Set once the first start has succeeded or failed."""
        self._state = "is starting"
        self._last = ""
        """How the last process ended, and why."""
        self._begun = 0
        """Offset in the log where the output of the current process begins."""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="steadfast-vllm", daemon=True)

    @property
    def pid(self) -> int | None:
        """The id of the running process; None if none runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts vLLM and waits until it answers.

        Raises:
            EngineError: It ended or did not answer in time; the message has the log's last lines.
        """
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log_file.write_bytes(b"")
        self._thread.start()
        self._settled.wait()
        if not self._ready.is_set():
            self.close()
            said = vllm_log.last_lines(self._log_file)
            raise EngineError(f"vLLM did not start; the end of {self._log_file}:\n{said}")

    def problem(self) -> str | None:
        """Why vLLM cannot be used now; None if it can."""
        return None if self._ready.is_set() else self._state

    def close(self) -> None:
        """Ends vLLM and its supervision."""
        self._ended.set()
        self._stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * _END_SECONDS)

    def _supervise(self) -> None:
        wait = self._first_wait
        while not self._ended.is_set():
            steady, how = self._run()
            first = not self._settled.is_set()
            self._settled.set()
            if first or self._ended.is_set():
                return
            if steady > _STEADY_SECONDS:
                wait = self._first_wait
            said = vllm_log.reason(self._log_file, self._begun)
            self._last = how + (said and f"; the end of its log: {said}")
            self._state = f"{how} and is started again in {wait:.0f} s" + self._last[len(how) :]
            _log.warning("vLLM %s; its output is in %s", self._state, self._log_file)
            self._ended.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _run(self) -> tuple[float, str]:
        """Runs one process to its end: (seconds for which it answered, how it ended)."""
        # While this process starts, the state still says how the last one ended.
        self._state = "is starting" + (self._last and f" after the last one {self._last}")
        # The guard's signal is sent when the starting thread ends, so this thread starts it and
        # stays alive as long as the process.
        try:
            process = self._process = self._begin()
        except OSError as error:
            return 0.0, f"could not be started ({error})"
        steady = 0.0
        try:
            if self._answers(process):
                self._state = "runs"
                self._ready.set()
                self._settled.set()
                since = time.monotonic()
                self._watch(process)
                steady = time.monotonic() - since
            self._state = how = self._how(process.poll())
            return steady, how
        finally:
            self._ready.clear()
            self._stop()
            self._process = None

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._log_file.open("ab") as output:
            self._begun = output.tell()
            return subprocess.Popen(
                [sys.executable, str(_GUARD), str(os.getpid()), *self._launch.arguments],
                env=self._inherited() | dict(self._launch.environment),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # A process group of its own: the server handles an interrupt at the terminal,
                # and child processes that are left over can be ended with the group.
                start_new_session=True,
            )  # fmt: skip

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Returns when the process has ended, or has hung for too long."""
        answered = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=min(_PROBE_SECONDS, self._silence))
                return
            try:
                # An error reply is an answer, too.
                with contextlib.suppress(InputError):
                    self._probe(self._silence)
                answered = time.monotonic()
            except EngineError as error:
                if process.poll() is None and time.monotonic() - answered > self._silence:
                    _log.warning("vLLM hangs: %s", error)
                    return

    def _how(self, code: int | None) -> str:
        if code is None:
            limit = self._silence if self._ready.is_set() else _START_SECONDS
            return f"did not answer for {limit:.0f} s"
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL; a machine that runs out of memory does that)"
        return f"ended with status {code}"

    def _health(self, within: float) -> None:
        try:
            httpx.get(f"{self._url}/health", timeout=within, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise EngineError(f"vLLM at {self._url} is not well ({error})") from error

    def _inherited(self) -> dict[str, str]:
        inherited = dict(os.environ)
        # Without byte code on the disk, Python compiles vLLM's modules for minutes at each start.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        limit = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < limit and not self._ended.is_set():
            with contextlib.suppress(EngineError):
                self._health(5)
                return True
            self._ended.wait(_POLL_SECONDS)
        return False

    def _stop(self) -> None:
        """Ends the process and what is left of its process group."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
            # A stopped process does not handle signals until it continues.
            os.killpg(process.pid, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_END_SECONDS)
        # vLLM's engine process survives when its parent is killed.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
