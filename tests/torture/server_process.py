"""A server of its own process on the embedded model."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from robustness import paths
from server import port as ports

_START_SECONDS = 180


@dataclass
class Running:
    """A server that answers."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    jobs: Path

    def client(self, timeout: float = 120.0) -> httpx.Client:
        """A client of it that uses no proxy."""
        return httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)

    def cpu_times(self) -> Any:
        """Seconds of processor that it has used: see psutil."""
        return psutil.Process(self.process.pid).cpu_times()

    def megabytes(self) -> float:
        """Its resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


@contextmanager
def running(*options: str, jobs: Path | None = None) -> Iterator[Running]:
    """Starts `python -m server` with options, and ends it.

    Args:
        options: Further options.
        jobs: Folder of the jobs; by default a new one.
    """
    port = ports.free()
    with tempfile.TemporaryDirectory() as folder:
        kept = jobs or Path(folder, "jobs")
        log = Path(folder, "log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "server", "--port", str(port), "--jobs", str(kept),
                    *options,
                ],
                cwd=paths.ROOT, stdout=out, stderr=out, env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        made = Running(f"http://127.0.0.1:{port}", process, log, kept)
        try:
            _wait(made)
            yield made
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(made: Running) -> None:
    limit = time.monotonic() + _START_SECONDS
    with made.client(5) as client:
        while time.monotonic() < limit and made.process.poll() is None:
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {made.log.read_text()[-2000:]}")
