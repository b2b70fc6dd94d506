"""A page that is open keeps no server alive."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from robustness import paths

ENDS = 30.0
"""Seconds that a busy machine may take; with the page open it did not end in 120."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_ends_though_a_page_is_open(fake_url: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable, "app.py", "--backend", fake_url, "--port", str(port),
            "--jobs", str(tmp_path / "page"),
        ],
        cwd=paths.ROOT, env=os.environ | {"STEADFAST_JOBS": ""},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            while True:
                assert server.poll() is None
                try:
                    http.get("/healthz").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            opened = threading.Event()

            def look() -> None:
                """What the page's script keeps open as long as the page is."""
                with (
                    contextlib.suppress(httpx.HTTPError),
                    http.stream("GET", "/gradio_api/heartbeat/abcdef") as page,
                ):
                    for _ in page.iter_raw():
                        opened.set()

            page = threading.Thread(target=look, daemon=True)
            page.start()
            assert opened.wait(60)
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=ENDS)
            page.join()
    finally:
        server.kill()
        server.wait()
