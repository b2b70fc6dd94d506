"""The *Code* dialog: what it shows, run as it stands, gives the number of the card."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from robustness import paths
from tests.browser.conftest import QUIET, Visit

expect.set_options(timeout=30_000)
HARD = 'Answer null, true or "it\'s" \\n as -d \'$HOME\': where is {name}?\n{story}'
ALIGNED = {
    "w": "Where would a cab fetch {name}? {story}", "t": "place",
    "m": f"{paths.BACKBONE_ID}+pt-kl", "evidence": "l64",
}
QUESTION = {
    "w": "Is this praise or blame?", "t": "own", "text": "It's a \"warm\" film – null, or {x}.\\",
    "options": "praise | it's blame",
}


def snippets(page: Page) -> dict[str, str]:
    page.click("#sf-more")
    page.locator("summary", has_text="Take it home").click()
    page.click("#sf-code")
    return {
        name: page.locator(f"#sf-{name}").inner_text()
        for name in ("curl", "python", "command") if page.locator(f"#sf-{name}").count()
    }


def run(words: list[str], folder: Path, **variables: str) -> str:
    """What a program prints; `python` is the interpreter of the tests."""
    (folder / "python").unlink(missing_ok=True)
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)
    env = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(paths.ROOT), "NO_PROXY": "*",
    } | variables
    made = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout


MORE = {"w": "Name the place. {story} {name}?", "t": "place", "evidence": "64"}


@pytest.mark.parametrize("asked", [
    {"w": HARD, "t": "place"}, ALIGNED, QUESTION, MORE,
], ids=["hard text", "aligned and labelled", "own question", "more inputs"])
def test_what_is_shown_gives_the_number_of_the_card(
    visit: Visit, tmp_path: Path, asked: dict[str, str]
) -> None:
    page = visit.open()
    more = asked.get("evidence")

    def whole(response) -> bool:
        if not response.url.endswith("/page/v1/wording"):
            return False
        body = response.request.post_data_json
        return body["instruction"] == asked["w"] and (
            more is None or "probe" in body or "labelled" in body
        )

    with page.expect_response(whole) as replied:
        page.goto(f"{QUIET}&{urlencode(asked)}")
    look = replied.value.json()
    lost = look["prediction"]["degradation"]
    expect(page.locator("#sf-expect")).not_to_have_class(re.compile("sf-late"))
    shown = max(0, lost) if look["usual"] is None else min(100, max(0, look["usual"] - lost))
    expect(page.locator("#sf-expect .sf-big")).to_contain_text(f"about {shown:.0f}")

    made = snippets(page)
    assert set(made) == {"curl", "python", "command"}
    (tmp_path / "shown.py").write_text(made["python"], encoding="utf-8")
    replies = {
        "curl": json.loads(run(["bash", "-c", made["curl"]], tmp_path)),
        "python": ast.literal_eval(run(["python", "shown.py"], tmp_path)),
        "command": json.loads(run(["bash", "-c", made["command"]], tmp_path)),
    }
    found = {name: reply["degradation"] for name, reply in replies.items()}
    assert found == pytest.approx(dict.fromkeys(found, lost), abs=1e-3)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Address of a server, and the headers Authorization that it got."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *told: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


def test_a_server_with_keys_is_given_the_key_of_a_variable(
    visit: Visit, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    page = visit.open()
    page.route(
        "**/page/v1/state",
        lambda route: route.fulfill(json=route.fetch().json() | {"key": True}),
    )
    page.reload()
    page.wait_for_selector("#sf-go:not([disabled])")
    made = {name: text.replace(visit.address, listener[0]) for name, text in snippets(page).items()}
    expect(page.locator("dialog[open]")).to_contain_text("STEADFAST_API_KEY")
    (tmp_path / "shown.py").write_text(made["python"], encoding="utf-8")
    for words in (["bash", "-c", made["curl"]], ["python", "shown.py"]):
        run(words, tmp_path, STEADFAST_API_KEY="a key of mine")
    assert listener[1] == ["Bearer a key of mine"] * 2
