"""How fast the running page is, in Chromium, beside a direct call of the API in the same run.

`python benchmarks/page.py [--json] [--runs N]`

Protocol and figures: benchmarks/README.md. Ends with status 1 where a claim does not hold.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from table import Line, hold, save, shown  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robustness import paths  # noqa: E402
from robustness.storage import files  # noqa: E402

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TEXT = "Kindly say where {name} is. {story}"
KEYS = 20
"""Keys that are timed in one visit."""
SECONDS = 180
_TIMES = """() => ({
  paint: performance.getEntriesByType('paint').find((e) => e.name === 'first-contentful-paint')
    ?.startTime ?? NaN,
  number: window.numbered ?? NaN,
  shift: window.shifted,
})"""
_WATCH = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
  }).observe({type: 'layout-shift', buffered: true});
  new MutationObserver(() => {
    if (!window.numbered && document.querySelector('#sf-expect .sf-big')?.innerText.match(/[0-9]/))
      window.numbered = performance.now();
  }).observe(document, {childList: true, subtree: true});
}"""
_KEY = """() => new Promise((done) => {
  const [field, card] = ['sf-wording', 'sf-expect'].map((id) => document.getElementById(id));
  const began = performance.now();
  const look = new MutationObserver(() => {
    if (card.classList.contains('sf-late') || !card.querySelector('.sf-big')) return;
    look.disconnect();
    done(performance.now() - began);
  });
  field.value += '.';
  field.dispatchEvent(new Event('input', {bubbles: true}));
  look.observe(card, {attributes: true, childList: true, subtree: true});
})"""
_DIRECT = """async (text) => {
  const began = performance.now();
  await (await fetch('/robustness/v1/predict', {
    method: 'POST', headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({instruction: text, task: 'place'}),
  })).json();
  return performance.now() - began;
}"""
_ANSWERS = """(text) => new Promise((done) => {
  const [field, card] = ['sf-wording', 'sf-answers'].map((id) => document.getElementById(id));
  let asked = 0;
  const fetched = window.fetch;
  window.fetch = (...given) => {
    if (String(given[0]).endsWith('answers')) asked = performance.now();
    return fetched(...given);
  };
  const look = new MutationObserver(() => {
    if (!asked || !card.querySelector('.sf-bars')) return;
    look.disconnect();
    window.fetch = fetched;
    done(performance.now() - asked);
  });
  look.observe(card, {childList: true, subtree: true});
  field.value = text;
  field.dispatchEvent(new Event('input', {bubbles: true}));
})"""


@dataclass
class Found:
    """What was measured, a value a run; times in seconds."""

    paint: list[float] = field(default_factory=list)
    number: list[float] = field(default_factory=list)
    shift: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    kilobytes: list[float] = field(default_factory=list)
    key: list[float] = field(default_factory=list)
    key_slow: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[str]:
    """Address of the demo with its model loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as jobs:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", address.rsplit(":", 1)[1], "--jobs", jobs],
            cwd=paths.ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            limit = time.monotonic() + SECONDS
            while True:
                try:
                    if httpx.get(f"{address}/readyz", trust_env=False).is_success:
                        break
                except httpx.TransportError:
                    pass
                if process.poll() is not None or time.monotonic() > limit:
                    sys.exit("error: the demo was not ready")
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)


def opened(browser: Browser, address: str, found: Found) -> Page:
    """A visit with an empty cache; its first seconds are noted."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda e: sizes.append(e["encodedDataLength"]))
    page.add_init_script(f"({_WATCH})()")
    page.goto(f"{address}/?attract=0")
    page.wait_for_selector("#sf-go:not([disabled])")
    page.wait_for_timeout(1500)
    times = page.evaluate(_TIMES)
    found.paint.append(times["paint"] / 1000)
    found.number.append(times["number"] / 1000)
    found.shift.append(times["shift"])
    found.requests.append(len(sizes))
    found.kilobytes.append(sum(sizes) / 1000)
    return page


def typed(page: Page, found: Found) -> None:
    """Times keys, each beside a direct call with the text that it makes."""
    page.fill("#sf-wording", TEXT)
    page.wait_for_timeout(1500)
    keys, direct = [], []
    for number in range(KEYS):
        direct.append(page.evaluate(_DIRECT, f"{TEXT}{'!' * (number + 1)}"))
        keys.append(page.evaluate(_KEY))
    found.key.append(statistics.median(keys) / statistics.median(direct))
    found.key_slow.append(sorted(keys)[int(0.95 * len(keys))] / 1000)
    found.answers.append(page.evaluate(_ANSWERS, f"{TEXT} Thank you.") / 1000)


def line(claim: str, peer: str, values: list[float], bound: str) -> Line:
    """The median of the runs with its spread."""
    return Line(
        claim=claim, peer=peer, ratio=statistics.median(values), low=min(values),
        high=max(values), count=len(values), bound=bound,
    )


def measured(runs: int) -> list[Line]:
    """All claims, over some visits to one server."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: Chromium is not installed: apt-get install chromium")
    found = Found()
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        for _ in tqdm(range(runs), desc="visits", file=sys.stderr, disable=None):
            page = opened(browser, address, found)
            typed(page, found)
            page.context.close()
        browser.close()
    none = "none"
    return [
        line("first paint, seconds", none, found.paint, "first paint"),
        line("first number, seconds", none, found.number, "first number"),
        line("layout shift while it opens", none, found.shift, "layout shift"),
        line("requests of a visit", none, found.requests, "requests"),
        line("kilobytes of a visit", none, found.kilobytes, "kilobytes"),
        line("from key to card", "POST /robustness/v1/predict", found.key, "key"),
        line("from key to card, 95th percentile, seconds", none, found.key_slow, "slow key"),
        line("both models' answers, seconds", none, found.answers, "answers"),
    ]


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="Speed of the running page")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    arguments = parser.parse_args()
    lines = measured(arguments.runs)
    save("page", lines)
    print(json.dumps(files.plain(lines)) if arguments.json else shown(lines))
    hold(lines)


if __name__ == "__main__":
    main()
