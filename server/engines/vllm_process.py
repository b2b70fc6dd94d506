"""A vLLM that is started here and started again when it dies or hangs.

Refuses to know what it is asked: whether it still computes is somebody else's question.
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
"""What loading a model may take."""
_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 60.0
"""One that has answered for longer did not fail to start."""
_END_SECONDS = 10.0
_POLL_SECONDS = 0.25
_PROBE_SECONDS = 10.0
"""Between two looks at whether it still computes."""


class VllmProcess:
    """One supervised process. Safe to share among threads."""

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
            url: Where it will listen.
            log: Receives what it prints, from the beginning at every server's start.
            probe: Asks it something small and raises EngineError where no answer came within so
                many seconds; by default whether its server is well.
            silence: Seconds without an answer after which it hangs and is started again.
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
        """Set once the first start has come to an end, good or bad."""
        self._state = "is starting"
        self._last = ""
        """How its last life ended, and what it said."""
        self._begun = 0
        """Where in the log the present life's output begins."""
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
            said = vllm_log.last_lines(self._log_file)
            raise EngineError(f"vLLM did not start; the end of {self._log_file}:\n{said}")

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
        """One life of the process: the seconds that it answered, and how it ended."""
        # What the life before ended of stays known while this one starts.
        self._state = "is starting" + (self._last and f" after the last one {self._last}")
        # Started from this thread, which lives as long: the guard's signal is tied to it.
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
                # A group of its own: an interrupt at the terminal is for the server to handle,
                # and what the process leaves behind can be ended with it.
                start_new_session=True,
            )  # fmt: skip

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Returns when it has ended, or has hung for too long."""
        answered = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=min(_PROBE_SECONDS, self._silence))
                return
            try:
                # Even a refusal is an answer.
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
        # vLLM compiles thousands of modules: without their byte code each start takes minutes.
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
        """Ends the process and whatever of its group is left."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
            # One that was stopped hears nothing before it goes on.
            os.killpg(process.pid, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_END_SECONDS)
        # Its engine outlives a process that was killed.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
