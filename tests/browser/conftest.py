"""The page, really running, in headless Chromium."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from robustness import paths
from server.page import shipped

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
QUIET = "?attract=0"
"""Examples do not play by themselves."""


def recorded(number: int, folder: Path = paths.BACKBONE) -> str:
    """The right answers that the card of a recorded example of a model says."""
    look = shipped.opening(folder)[number]["shown"]["look"]
    expected = look["usual"] - look["prediction"]["degradation"]
    return f"{look['usual']:.0f} → about {expected:.0f}"


def counted(number: int) -> tuple[str, str]:
    """The right answers of 100 that were measured of a recorded example: original, aligned."""
    original, aligned = shipped.opening(paths.BACKBONE)[number]["shown"]["measured"]
    return f"{original['accuracy']:.0f}", f"{aligned['accuracy']:.0f}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class App:
    """`python app.py`, started and not yet waited for."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def wait(self) -> None:
        """Until the model is loaded."""
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/readyz").is_success:
                    break
            except httpx.TransportError:
                self.check()
            time.sleep(0.2)

    def open(self, page: Page) -> None:
        """Opens the page as soon as something listens, before the model is there."""
        for _ in range(1200):
            try:
                page.goto(f"{self.url}/{QUIET}", wait_until="commit")
                break
            except Error:
                self.check()
                time.sleep(0.2)

    def check(self) -> None:
        """It still runs."""
        assert self.process.poll() is None, self.log.read_text()


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[App]:
    """Runs `python app.py`; its jobs and its log lie in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = folder / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "app.py", "--port", str(port), "--jobs", str(folder / "jobs"),
                *arguments,
            ],
            cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        try:
            yield App(f"http://127.0.0.1:{port}", log, process)
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Iterator[str]:
    """Address of `python app.py` on the embedded backbone."""
    with started(tmp_path_factory.mktemp("app")) as app:
        app.wait()
        yield app.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; closed with the module, since it holds an event loop."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        assert not os.environ.get("CI"), "Chromium is needed: apt-get install chromium"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield running
        running.close()


class Visit:
    """Opens the page as a visitor with a browser of their own."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self.address = address
        self.outside: list[str] = []
        self.said: list[str] = []
        self._contexts: list = []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.outside.append(url)

    def open(self, path: str = QUIET, *, ready: bool = True, **options: object) -> Page:
        """A page in a fresh context; `ready`: the first card is there and the model is loaded."""
        given = {
            "viewport": {"width": 1440, "height": 900}, "accept_downloads": True,
            "locale": "en-US", "base_url": self.address,
        } | options
        context = self._browser.new_context(**given)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.set_default_timeout(20_000)
        page.goto(f"{self.address}/{path}")
        if ready:
            page.wait_for_selector("#sf-go:not([disabled])")
            page.wait_for_selector("#sf-answers .sf-bars")
        return page

    def close(self) -> None:
        """Closes what was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Opens pages; fails where one asked for anything outside, or its console said anything."""
    made = Visit(browser, address)
    yield made
    made.close()
    assert not made.outside
    assert not made.said


@pytest.fixture
def page(visit: Visit) -> Page:
    """The opened page."""
    return visit.open()


@pytest.fixture
def axe() -> "callable":
    """Asserts that axe finds no violation on a page."""
    script = Path(AXE_FILE_PATH).read_text(encoding="utf-8")

    def check(page: Page, what: str) -> None:
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        told = [
            f"{v['id']}: {n['html'][:160]} {n['failureSummary'][:200]}"
            for v in found for n in v["nodes"][:4]
        ]
        assert not told, f"{what}: " + "\n".join(told)

    return check
