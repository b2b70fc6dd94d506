"""The page in a frame of another site, as a Hugging Face Space is shown."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from robustness import paths

expect.set_options(timeout=30_000)


def test_only_an_allowed_site_shows_the_page_in_a_frame_and_there_all_of_it_works(
    browser: Browser, backbone: Path, tmp_path: Path, serve: Callable
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def framing(_: object) -> HTMLResponse:
        return HTMLResponse(
            f"<!doctype html><title>x</title><iframe src='{url}/?attract=0' width=1400 height=880>"
        )

    site = Starlette(routes=[Route("/", framing)])
    log = tmp_path / "app.log"
    with serve(site) as friend, serve(site) as stranger, log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "app.py", "--port", url.rpartition(":")[2],
                "--jobs", str(tmp_path / "jobs"), "--allow-origin", friend,
            ],
            cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"{url}/readyz", trust_env=False).is_success:
                        break
                except httpx.TransportError:
                    assert process.poll() is None, log.read_text()
                time.sleep(0.2)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(friend)
            shown = page.frame_locator("iframe")
            expect(shown.locator("#sf-expect .sf-big")).to_be_visible()
            shown.get_by_role("tab", name="Findings").click()
            expect(shown.locator("#published-plot .points path").first).to_be_visible()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.goto(stranger)
            page.wait_for_timeout(1000)
            expect(page.frame_locator("iframe").locator("#sf-page")).to_have_count(0)
            assert any("frame-ancestors" in text for text in said), said
        finally:
            context.close()
            process.terminate()
            process.wait(timeout=40)
