"""The whole demo behind nginx with TLS and a path prefix, as docs/deploy.md sets it up."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from robustness import paths
from server import port as ports

NAME = "demo.example.org"
PREFIX = "/steadfast"
KEY = "k" * 24
TABLE = "instruction,input,options\nGood or bad?,The soup was cold.,good|bad\n"
AROUND = """daemon off; master_process off; pid nginx.pid; error_log nginx.log;
events {{}}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{server}
}}
"""
expect.set_options(timeout=90_000)


@contextmanager
def process(command: list[str], url: str, folder: Path, **headers: str) -> Iterator[None]:
    """Runs a server and waits until it is ready."""
    with Path(folder, "log").open("w") as out:
        started = subprocess.Popen(
            command, cwd=paths.ROOT, stdout=out, stderr=out,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        try:
            while True:
                assert started.poll() is None, Path(folder, "log").read_text()
                try:
                    if httpx.get(url, verify=False, headers=headers, trust_env=False).is_success:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
            yield
        finally:
            started.terminate()
            try:
                started.wait(timeout=40)
            finally:
                started.kill()


def of_the_page(kind: str) -> str:
    """The block of a kind in docs/deploy.md."""
    text = (paths.ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(rf"```{kind}\n(.*?)```", text, re.S)
    assert len(blocks) == 1
    return blocks[0]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Iterator[str]:
    """Address of the prefix at the proxy, by this machine's address."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        assert not os.environ.get("CI"), "nginx is needed: apt-get install nginx-light"
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("proxy")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={NAME}", "-keyout", folder / "demo.key", "-out", folder / "demo.pem"],
        check=True, capture_output=True,
    )
    (folder / "keys.txt").write_text(f"anna {KEY}\n")
    port, behind = ports.free(), ports.free()
    server = of_the_page("nginx").replace("/etc/ssl/", f"{folder}/")
    server = server.replace("listen 443", f"listen 127.0.0.1:{port}")
    server = server.replace("127.0.0.1:7860", f"127.0.0.1:{behind}")
    (folder / "nginx.conf").write_text(AROUND.format(server=server))
    words = of_the_page("bash").split()
    assert words[:2] == [".venv/bin/python", "app.py"]
    given = [word.replace("keys.txt", str(folder / "keys.txt")) for word in words[1:]]
    command = [sys.executable, *given, "--port", str(behind), "--jobs", str(folder / "jobs")]
    bearer = {"Authorization": f"Bearer {KEY}"}
    url = f"https://127.0.0.1:{port}{PREFIX}"
    with (
        process(command, f"http://127.0.0.1:{behind}/readyz", folder, **bearer),
        process(
            [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], f"{url}/healthz", folder,
            Host=NAME,
        ),
    ):
        yield url


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    """A client of the API through the proxy, with its key."""
    port = address.split(":")[2].split("/")[0]
    with httpx.Client(
        base_url=address, verify=False, trust_env=False, timeout=60,
        headers={"Authorization": f"Bearer {KEY}", "Host": f"{NAME}:{port}"},
    ) as made:
        yield made


def test_the_api_answers_below_the_prefix_and_only_with_a_key(http: httpx.Client) -> None:
    assert http.get("/readyz").status_code == 200
    model = http.get("/v1/models").json()["data"][0]["id"]
    asked = {"instruction": "Which topic?", "task": "scene_topic", "model": model}
    assert http.post("/robustness/v1/predict", json=asked).status_code == 200
    assert http.get("/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert http.get("/healthz", headers={"Authorization": ""}).status_code == 200
    assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 400
    foreign = http.post(
        "/robustness/v1/predict", json=asked, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403


def test_a_stream_passes_piece_by_piece(http: httpx.Client) -> None:
    model = http.get("/v1/models").json()["data"][0]["id"]
    asked = {
        "model": model, "prompt": ["Anna is in the kitchen. Ben is"] * 30, "max_tokens": 20,
        "stream": True, "temperature": 1.5, "seed": 1,
    }
    pieces, begun, first = [], time.monotonic(), 0.0
    with http.stream("POST", "/v1/completions", json=asked) as reply:
        for piece in reply.iter_raw():
            first = first or time.monotonic() - begun
            pieces.append(piece)
    whole = time.monotonic() - begun
    assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")
    assert len(pieces) > 30
    assert first < 0.8 * whole


def test_a_job_runs_and_is_downloaded_and_deleted(http: httpx.Client, until) -> None:
    job = http.post("/robustness/v1/jobs", files={"file": ("mine.csv", TABLE)}).json()
    path = f"/robustness/v1/jobs/{job['id']}"
    until(lambda: http.get(path).json()["state"] == "done")
    assert "nearest_observed" in http.get(f"{path}/result").text
    assert http.delete(path, params={"remove": True}).status_code == 200
    assert http.get(path).status_code == 404


@pytest.fixture
def visitor(address: str) -> Iterator[Page]:
    """A page of a browser for which the public name is the proxy; fails on anything outside."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        assert not os.environ.get("CI"), "Chromium is needed: apt-get install chromium"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    public = address.replace("127.0.0.1", NAME)
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"],
        )
        context = browser.new_context(
            ignore_https_errors=True, locale="en-US", base_url=public,
            viewport={"width": 1440, "height": 900}, accept_downloads=True,
        )
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "console",
            lambda message: said.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "response",
            lambda reply: said.append(reply.url) if reply.status >= 400 else None,
        )
        page.goto(f"{public}/?attract=0")
        yield page
        browser.close()
    outside = [u for u in asked if not u.startswith((f"{public}/", "data:", "blob:"))]
    assert not outside
    assert not said


def test_a_visitor_logs_in_and_the_whole_page_works_below_the_prefix(
    visitor: Page, tmp_path: Path
) -> None:
    visitor.fill("#key", KEY)
    visitor.click("button")
    visitor.wait_for_selector("#sf-go:not([disabled])")
    visitor.wait_for_selector("#sf-answers .sf-bars")
    cookies = [c for c in visitor.context.cookies() if c["name"] == "steadfast"]
    assert [(c["path"], c["secure"], c["httpOnly"]) for c in cookies] == [(PREFIX, True, True)]
    visitor.keyboard.press("Control+Enter")
    result = visitor.locator("#sf-measure .sf-result")
    expect(result).to_contain_text("Measured:", timeout=120_000)
    visitor.get_by_role("tab", name="Batch").click()
    (tmp_path / "mine.csv").write_text(TABLE)
    visitor.set_input_files("#sf-upload", tmp_path / "mine.csv")
    visitor.click("#sf-start")
    expect(visitor.locator("#sf-state")).to_contain_text("done, 1 of 1 rows", timeout=60_000)
    with visitor.expect_download() as started:
        visitor.click("#sf-result")
    assert "nearest_observed" in Path(started.value.path()).read_text()
    visitor.get_by_role("tab", name="Findings").click()
    expect(visitor.locator("#published-plot .points path").first).to_be_visible()
    manifest = visitor.evaluate(
        """async () => {
            const reply = await fetch(document.querySelector('link[rel=manifest]').href);
            const made = await reply.json();
            const icon = await fetch(new URL(made.icons[0].src, reply.url));
            return [made.start_url, icon.headers.get('content-type')];
        }"""
    )
    assert manifest == ["./", "image/png"]
