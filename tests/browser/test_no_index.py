"""The page of a model without an index: what it says while it loads, and then."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Error, expect

from robustness import paths

expect.set_options(timeout=30_000)


def test_a_model_without_an_index_says_so_and_answers_as_soon_as_it_is_there(
    browser: Browser, backbone: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (tmp_path / "indexes").mkdir()
    log = tmp_path / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "app.py", "--port", str(port), "--jobs", str(tmp_path / "jobs"),
                "--indexes", str(tmp_path / "indexes"),
            ],
            cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        context = browser.new_context(locale="en-US")
        try:
            page = context.new_page()
            page.set_default_timeout(240_000)
            for _ in range(1200):
                try:
                    page.goto(f"http://127.0.0.1:{port}/?attract=0", wait_until="commit")
                    break
                except Error:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.2)
            loading = page.get_by_text("The model is being loaded")
            loading.wait_for()
            expect(page.locator("#sf-banner")).not_to_contain_text("recorded")
            expect(page.locator(".sf-error")).to_have_count(0)
            loading.wait_for(state="hidden")
            # By itself, and with no word of a model that does not answer.
            page.wait_for_selector("#sf-answers .sf-bars")
            expect(page.locator("#sf-expect .sf-error")).to_contain_text("has no observed index")
            expect(page.locator("#sf-expect .sf-error")).to_contain_text("robustness index build")
            expect(page.locator("#sf-expect .sf-error")).not_to_contain_text(str(tmp_path))
        finally:
            context.close()
            process.terminate()
            process.wait(timeout=60)
    assert "Traceback" not in log.read_text()
