"""The page behind the gate, with its real Gradio application; `tests/browser` clicks it."""

import asyncio
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from server import demo
from server.access import Access
from server.opening import Opened, Opening
from server.page import batch_api
from server.settings import Settings

KEY = "k" * 24
UPLOAD = "/gradio_api/upload"


def never(_: Opening) -> Opened:
    raise AssertionError("nothing is loaded here")


@pytest.fixture
def page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve
) -> Iterator[Callable[..., httpx.Client]]:
    """Makes a page whose model is never loaded, and a visitor of it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    async def front(settings: Settings) -> ASGIApp:
        # In an event loop: where none runs, Gradio makes two and leaves them open.
        return demo.front(settings, Opening(never, ("model",)), Access(settings))

    with ExitStack() as opened:

        def make(root: str = "", **given) -> httpx.Client:
            settings = Settings(jobs=tmp_path / "jobs", root_path=root, **given)
            app = asyncio.run(front(settings))

            async def below(scope, receive, send) -> None:
                # As uvicorn has it with `--root-path`, when the proxy took the prefix away.
                path = {"path": root + scope["path"]} if scope["type"] == "http" else {}
                await app(scope | path | {"root_path": root}, receive, send)

            url = opened.enter_context(serve(below))
            return opened.enter_context(
                httpx.Client(base_url=url, follow_redirects=True, trust_env=False, timeout=30)
            )

        yield make


def upload(visitor: httpx.Client, name: str, content: bytes, **headers: str):
    return visitor.post(UPLOAD, files={"files": (name, io.BytesIO(content))}, headers=headers)


def files_in(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names]


def test_an_upload_has_the_api_s_limit_and_types(page, tmp_path: Path) -> None:
    visitor = page(largest_upload=100_000)
    before = files_in(tmp_path / "gradio")
    good = upload(visitor, "t.csv", b"instruction\nx\n")
    assert good.status_code == 200
    (path,) = good.json()
    assert Path(path).read_bytes() == b"instruction\nx\n"
    Path(path).unlink()
    for name in ("t.exe", "t.html", "t", "csv"):
        refused = upload(visitor, name, b"x")
        assert refused.status_code == 400, name
        assert "no table" in refused.json()["error"]["message"]
    large = upload(visitor, "t.csv", b"x" * 200_000)
    assert large.status_code == 400
    assert "--max-upload" in large.json()["error"]["message"]
    for path in batch_api.UPLOADS:
        large = visitor.post(path, files={"file": ("t.csv", b"x" * 200_000)})
        assert large.status_code == 400
        assert "--max-upload" in large.json()["error"]["message"]
    assert files_in(tmp_path / "gradio") == before


def test_a_stranger_gets_the_login_and_nothing_of_the_page(page) -> None:
    visitor = page(api_key=KEY)
    for path in ("/", "/config", "/theme.css", "/gradio_api/info", "/gradio_api/queue/data"):
        reply = visitor.get(path, follow_redirects=False)
        assert reply.status_code == 303, path
        assert reply.headers["location"].partition("?")[0] == "/login", path
    for path in (UPLOAD, "/gradio_api/queue/join", "/page/v1/wording"):
        assert visitor.post(path, json={}).status_code == 401
    assert visitor.get("/page/v1/state").status_code == 401
    for path in ("/docs", "/page/static/app.js"):
        assert visitor.get(path, follow_redirects=False).status_code == 303, path
    assert upload(visitor, "t.csv", b"x").status_code == 401
    visitor.post("/login", data={"key": KEY})
    assert visitor.get("/config").json()["components"]
    assert visitor.get("/page/v1/state").json()["ready"] is False
    assert visitor.get("/docs").headers["content-type"].startswith("text/html")
    assert upload(visitor, "t.csv", b"x").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/page/v1/state", "GET, HEAD"), ("GET", "/page/v1/wording", "POST"),
        ("PUT", "/", "GET, HEAD"), ("DELETE", "/docs", "GET, HEAD"),
        ("PUT", "/config", "GET, HEAD"),
        ("PATCH", "/page/v1/batch/jobs/one", "DELETE, GET, HEAD"),
        ("POST", "/page/static/icon.png", "GET, HEAD"), ("POST", "/manifest.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_of_the_page_is_405_in_the_documented_format(
    page, method: str, path: str, allowed: str
) -> None:
    reply = page().request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(f"{method} {path}: ")


@pytest.mark.parametrize(
    "path", ["/page/v1/nothing", "/page/static/nothing.js", "/nothing/at/all", "/static/x.png"]
)
def test_what_the_page_has_not_is_404_in_the_documented_format(page, path: str) -> None:
    reply = page().get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["message"].startswith(f"GET {path}: ")


@pytest.mark.parametrize("path", ["/", "/docs", "/config", "/manifest.json", "/page/v1/state"])
def test_the_page_answers_head_as_get(page, path: str) -> None:
    visitor = page()
    reply = visitor.head(path)
    assert (reply.status_code, reply.content) == (visitor.get(path).status_code, b"")


def test_files_of_the_jobs_are_not_served_by_gradio(page, tmp_path: Path) -> None:
    visitor = page()
    secret = tmp_path / "jobs" / "one" / "result.csv"
    secret.parent.mkdir(parents=True)
    secret.write_text("text\n")
    for path in (secret, tmp_path / "jobs" / ".session-key"):
        assert visitor.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_another_site_s_page_can_neither_send_nor_read(page) -> None:
    visitor = page(allow_hosts=("demo.org",), no_auth=True)
    origin = {"Origin": "https://evil.example", "Host": "demo.org"}
    assert upload(visitor, "t.csv", b"x", **origin).status_code == 403
    assert visitor.post("/page/v1/wording", json={}, headers=origin).status_code == 403
    reply = visitor.get("/config", headers=origin)
    assert "access-control-allow-origin" not in reply.headers


def test_the_page_s_requests_are_counted_before_the_model_is_loaded(page) -> None:
    visitor = page()
    visitor.get("/config")
    told = visitor.get("/metrics").text
    assert 'steadfast_requests_total{method="GET",path="/config",status="200"} 1.0' in told


def test_behind_a_prefix_the_page_names_its_files_with_the_prefix(page) -> None:
    visitor = page(root="/steadfast", allow_hosts=("demo.org",), no_auth=True)
    headers = {"Host": "demo.org", "X-Forwarded-Proto": "https"}
    made = visitor.get("/config", headers=headers).json()
    assert made["root"] == "https://demo.org/steadfast"
    assert visitor.get("/healthz", headers=headers).json() == {"status": "ok"}
    assert visitor.get("/readyz", headers=headers).status_code == 503
    opened = visitor.get("/", headers=headers)
    # Relative to the page's address, which has the prefix.
    assert opened.status_code == 200 and '"page/static/page.js' in opened.text
    assert "/page/static/page.js" not in opened.text
    assert not re.search(r"""(href|src)=["']/""", opened.text)
    icons = visitor.get("/manifest.json", headers=headers).json()["icons"]
    assert icons and not any(icon["src"].startswith("/") for icon in icons)
    assert visitor.get("/page/static/app.js", headers=headers).status_code == 200
    assert visitor.get("/page/v1/state", headers=headers).json()["ready"] is False


def test_the_page_is_one_document_and_one_script_that_the_browser_keeps(page) -> None:
    visitor = page()
    opened = visitor.get("/")
    assert opened.headers["content-encoding"] == "gzip"
    assert visitor.head("/").status_code == 200
    address = re.search(r'<script src="([^"]+)"', opened.text)[1]
    script = visitor.get(f"/{address}")
    assert script.headers["content-encoding"] == "gzip"
    assert "immutable" in script.headers["cache-control"]
    assert "assets/" in visitor.get("/gradio.js").text
