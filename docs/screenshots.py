"""Takes the pictures of the README and the documentation: starts the demo, opens it in Chromium.

The model is the one with which `make demo` begins, so that its package must have been fetched.
`.venv/bin/python docs/screenshots.py` writes `assets/screenshots/` and
`docs/states/`, a picture of each state of the page; Chromium must be installed.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "assets" / "screenshots"
STATES = ROOT / "docs" / "states"
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
    """The opening example with a guess and what was measured."""
    page.locator("#sf-guess").fill("40")
    page.click("#sf-go")
    page.locator("#sf-measure .sf-result", has_text="Aligned").wait_for()
    page.wait_for_timeout(500)


def the_batch_tab(page: Page) -> None:
    """The example table, scored."""
    page.get_by_role("tab", name="Batch").click()
    page.click("#sf-example")
    page.click("#sf-start")
    # Every row is measured on all inputs, by both models.
    page.locator("#sf-state", has_text="done").wait_for(timeout=15 * 60 * 1000)
    page.wait_for_timeout(500)


def _tab(name: str) -> Callable[[Page], None]:
    def shown(page: Page) -> None:
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(4000)

    return shown


def _answered(page: Page) -> None:
    """Waits until the number and the answers are those of the wording."""
    page.wait_for_timeout(500)
    page.wait_for_function(
        "() => !['#sf-expect', '#sf-answers'].some("
        "(place) => document.querySelector(place).innerText.includes('…'))"
    )
    page.locator("#sf-answers .sf-bars").first.wait_for()
    page.wait_for_timeout(500)


def _clicked(*selectors: str) -> Callable[[Page], None]:
    def shown(page: Page) -> None:
        for selector in selectors:
            page.click(selector)
        _answered(page)
        page.wait_for_timeout(2500)

    return shown


def _german(page: Page) -> None:
    page.click("#sf-chip-4")
    _answered(page)


def _stale(page: Page) -> None:
    the_try_tab(page)
    page.click("#sf-chip-3")
    _answered(page)


def _empty(page: Page) -> None:
    page.locator("#sf-wording").fill("")
    page.wait_for_timeout(500)


def _typing(page: Page) -> None:
    page.route("**/page/v1/wording", lambda route: None)
    page.locator("#sf-wording").press_sequentially(" please")
    page.wait_for_timeout(500)


def _busy(page: Page) -> None:
    page.route("**/page/v1/measure", lambda route: None)
    page.click("#sf-go")
    page.wait_for_timeout(500)


def _stopped(page: Page) -> None:
    _busy(page)
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)


def _error(page: Page) -> None:
    told = {"error": {"message": "Traceback", "type": "server_error", "code": None}}
    page.route("**/page/v1/wording", lambda route: route.fulfill(status=500, json=told))
    page.locator("#sf-wording").fill("Where is {name}? {story}")
    page.locator("#sf-retry-look").wait_for()
    page.wait_for_timeout(1500)


def _single(page: Page) -> None:
    def alone(route: Route) -> None:
        made = route.fetch().json()
        made["models"] = made["models"][:1]
        for question in made["questions"]:
            question["comparison"]["answers"] = question["comparison"]["answers"][:1]
        route.fulfill(json=made)

    page.route("**/page/v1/answers", alone)
    page.locator("#sf-wording").fill("Where is {name}? {story}")
    page.locator("#sf-answers", has_text="one model only").wait_for()
    page.wait_for_timeout(500)


def _compared(page: Page) -> None:
    page.click("#sf-chip-3")
    page.locator(".sf-tried li").nth(1).wait_for()
    page.locator("#sf-pick-0").check()
    page.locator("#sf-pick-1").check()
    page.click("#sf-compare")
    page.wait_for_timeout(500)


def _presenting(page: Page) -> None:
    page.locator("body").press("p")
    page.wait_for_timeout(500)


def _own(page: Page) -> None:
    page.select_option("#sf-task", "own")
    page.fill("#sf-own-text", "A warm and witty film.")
    page.fill("#sf-own-options", "praise | blame")
    page.locator("#sf-wording").fill("Is this praise or blame?")
    page.locator("#sf-answers .sf-bars").first.wait_for()
    page.wait_for_timeout(500)


def _away(page: Page) -> None:
    page.route("**/page/v1/**", lambda route: route.abort())
    page.click("#sf-chip-2")
    page.wait_for_timeout(3500)


def _attracting(page: Page) -> None:
    page.goto(page.url.replace("attract=0", "attract=1"))
    page.locator("#sf-banner", has_text="key").wait_for()
    page.wait_for_timeout(1500)


def _challenged(page: Page) -> None:
    the_try_tab(page)
    page.click("#sf-challenge")
    page.locator("#sf-hardest li").first.wait_for()
    page.wait_for_timeout(500)


def _suggesting(page: Page) -> None:
    page.click("#sf-better")
    page.locator("dialog[open] li").first.wait_for()
    page.wait_for_timeout(1500)


def _replayed(page: Page) -> None:
    page.click("#sf-more")
    page.locator("summary", has_text="Take it home").click()
    with page.expect_download() as saved:
        page.click("#sf-evidence-file")
    page.locator("#sf-replay").set_input_files(saved.value.path())
    page.locator("#sf-checks").wait_for()
    page.wait_for_timeout(500)


PICTURES_OF: dict[str, tuple[Callable[[Page], None], dict[str, Any]]] = {
    "try": (the_try_tab, {}),
    "try-dark": (the_try_tab, {"color_scheme": "dark"}),
    "try-wide": (the_try_tab, {"viewport": {"width": 1920, "height": 1080}}),
    "try-phone": (the_try_tab, {"viewport": {"width": 390, "height": 844}}),
    "try-german": (_german, {"locale": "de-DE"}),
    "empty": (_empty, {}),
    "abstaining": (_clicked("#sf-chip-6"), {}),
    "conflict": (_clicked("#sf-chip-5"), {}),
    "stale": (_stale, {}),
    "typing": (_typing, {}),
    "busy": (_busy, {}),
    "stopped": (_stopped, {}),
    "error": (_error, {}),
    "one-model": (_single, {}),
    "own-question": (_own, {}),
    "compared": (_compared, {}),
    "presenting": (_presenting, {}),
    "attracting": (_attracting, {}),
    "challenge": (_challenged, {}),
    "suggestions": (_suggesting, {}),
    "replayed": (_replayed, {}),
    "measured": (the_try_tab, {}),
    "away": (_away, {}),
    "sidebar": (_clicked("#sf-more", "#sf-rely"), {}),
    "share": (_clicked("#sf-qr"), {}),
    "batch": (the_batch_tab, {}),
    "findings": (_tab("Findings"), {}),
    "findings-german": (_tab("Ergebnisse"), {"locale": "de-DE"}),
    "about": (_tab("About"), {}),
}
"""Name of a picture -> how its state is reached, and how the browser is opened."""


def main() -> None:
    """Writes every picture."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: Chromium is not installed: apt-get install chromium")
    STATES.mkdir(exist_ok=True)
    address = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as jobs:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", address.rsplit(":", 1)[1], "--jobs", jobs,
             "--model", "assets/steadfast-smollm2", "--also", "assets/backbone"],
            cwd=ROOT,
        )
        try:
            wait_until_ready(address, process)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
                for name, (state, options) in PICTURES_OF.items():
                    folder = PICTURES if name == "try" else STATES
                    page = browser.new_page(
                        **{"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options
                    )
                    page.set_default_timeout(SECONDS * 1000)
                    page.goto(f"{address}/?attract=0")
                    page.wait_for_selector("#sf-go:not([disabled])")
                    page.wait_for_selector("#sf-answers .sf-bars")
                    state(page)
                    page.evaluate("scrollTo(0, 0)")
                    path = folder / f"{name}.png"
                    page.screenshot(path=path)
                    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
                    page.unroute_all(behavior="ignoreErrors")
                    page.close()
                browser.close()
        finally:
            process.terminate()
            process.wait(timeout=60)


if __name__ == "__main__":
    main()
