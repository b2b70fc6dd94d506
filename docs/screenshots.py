"""Takes the pictures of the README and the documentation: starts the demo, opens it in Chromium.

`.venv/bin/python docs/screenshots.py` writes `assets/screenshots/`; Chromium must be installed.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "assets" / "screenshots"
INSTRUCTION = "Say if this is a view or a fact."
SECONDS = 180
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the server's models are loaded; exits where it ended or takes too long."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", trust_env=False).json().get("status") == "ready":
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    sys.exit(f"error: the demo was not ready within {SECONDS} s, or ended; try: make demo")


def the_try_tab(page: Page) -> None:
    """An instruction, its prediction and both models' answers."""
    field = page.locator("#instruction textarea").first
    field.fill("")
    field.press_sequentially(INSTRUCTION)  # Typed key by key, as the page expects.
    page.wait_for_timeout(5000)
    page.click("#run")
    page.locator("#bars-original", has_text="%").wait_for()
    page.wait_for_timeout(1000)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=PICTURES / "try.png")


def main() -> None:
    """Writes every picture."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: Chromium is not installed: apt-get install chromium")
    address = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as jobs:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", address.rsplit(":", 1)[1], "--jobs", jobs],
            cwd=ROOT,
        )
        try:
            wait_until_ready(address, process)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
                page = browser.new_page(viewport={"width": 1440, "height": 1360})
                page.set_default_timeout(SECONDS * 1000)
                page.goto(address)
                page.wait_for_selector("#run")
                the_try_tab(page)
                browser.close()
        finally:
            process.terminate()
            process.wait(timeout=60)


if __name__ == "__main__":
    main()
