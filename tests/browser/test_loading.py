"""The page while the model is being loaded, and then, without a reload."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, expect

from robustness import paths
from tests.browser.conftest import recorded

expect.set_options(timeout=30_000)


def test_the_page_shows_a_recorded_example_while_it_loads_and_then_the_model(
    browser: Browser, backbone: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = tmp_path / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--jobs", str(tmp_path / "jobs")],
            cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        context = browser.new_context(locale="en-US")
        try:
            opened = context.new_page()
            opened.set_default_timeout(240_000)
            for _ in range(1200):
                try:
                    opened.goto(f"http://127.0.0.1:{port}/?attract=0", wait_until="commit")
                    break
                except Error:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.2)
            opened.get_by_text("The model is being loaded").wait_for()
            expect(opened.locator("#sf-expect .sf-big")).to_contain_text(recorded(0))
            opened.evaluate("window.kept = true")
            opened.get_by_text("The model is being loaded").wait_for(state="hidden")
            opened.locator("#sf-wording").fill("Where is {name}? {story}")
            expect(opened.locator("#sf-expect .sf-big")).not_to_contain_text(recorded(0))
            assert opened.evaluate("window.kept")
            opened.click("#sf-more")
            opened.locator("summary", has_text="Models and evidence").click()
            expect(opened.locator("#sf-model")).to_contain_text(paths.BACKBONE_ID)
        finally:
            context.close()
            process.terminate()
            process.wait(timeout=60)
    assert "Traceback" not in log.read_text()
