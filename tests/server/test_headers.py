"""Headers of every reply, and HEAD."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Message

from robustness.workbench import Workbench
from server import listening
from server.application import create_app
from server.headers import AnswerHead
from server.settings import Settings

FRIEND = "https://huggingface.co"


@pytest.fixture
def listened(fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """The application that is served for some settings, as a client sees it."""
    served: list[FastAPI] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
    monkeypatch.setattr("sys.setswitchinterval", lambda _: None)

    def make(**given: object) -> TestClient:
        settings = Settings(jobs=tmp_path / f"jobs{len(served)}", **given)
        app = create_app(Workbench(fake, indexes=tmp_path), settings)
        app.add_api_route("/v1/fails", _fails)
        # The route that replies 404 to what is below /v1 comes last.
        app.router.routes.insert(0, app.router.routes.pop())
        listening.listen(app, settings)
        client = TestClient(
            served[-1], base_url="http://localhost", raise_server_exceptions=False
        )
        return client

    yield make


def _fails() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/models", {}, 200), ("/docs", {}, 200), ("/v1/nothing", {}, 404),
        ("/v1/fails", {}, 500), ("/v1/models", {"Host": "evil.example"}, 400),
    ],
)
def test_every_reply_says_who_may_frame_it_and_what_it_is(
    listened, path: str, headers: dict[str, str], status: int
) -> None:
    reply = listened().get(path, headers=headers)
    assert reply.status_code == status
    assert reply.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "same-origin"


def test_an_allowed_origin_may_frame_the_page(listened) -> None:
    reply = listened(allow_origins=(FRIEND, "https://friend.org")).get("/docs")
    assert reply.headers["content-security-policy"] == (
        f"frame-ancestors 'self' {FRIEND} https://friend.org"
    )


@pytest.mark.parametrize(
    "path", ["/docs", "/metrics", "/v1/models", "/openapi.json", "/healthz", "/v1/nothing"]
)
def test_head_is_get_without_the_body(listened, path: str) -> None:
    client = listened()
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_is_counted_with_its_path(listened) -> None:
    client = listened()
    client.head("/v1/models")
    told = client.get("/metrics").text
    assert 'steadfast_requests_total{method="HEAD",path="/v1/models",status="200"} 1.0' in told


def test_head_of_a_stream_without_end_ends() -> None:
    sent: list[Message] = []

    async def stream(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not any(m["type"] == "http.response.body" for m in sent):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def keep(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "HEAD"}
    asyncio.run(AnswerHead(stream)(scope, None, keep))
    assert sent[1:] == [{"type": "http.response.body", "body": b""}]
