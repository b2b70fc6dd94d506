"""The remote engine on all kinds of replies; for a real server see `tests/server`."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from robustness.errors import (
    EngineError,
    InputError,
    ModelNotFoundError,
    NotFoundError,
    RobustnessError,
)
from robustness.models.remote_engine import RemoteEngine
from robustness.types import GenerationSettings

SPEC = {"model": "far", "revision": "1", "prefix": None, "layer": -2, "position": "first_decoded"}
ENGINE = {"name": "other", "models": [{"id": "far", "spec": SPEC, "context": 64}]}
PIECE = {
    "choices": [{"text": "one ", "finish_reason": None}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


class Peer(ThreadingHTTPServer):
    """Says what it is told to, whatever is asked of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict]] = []
        self.status, self.body = 200, b"{}"
        self.length: int | None = None
        """Promised length, where it is not that of the body."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        self._send(200, json.dumps(ENGINE).encode(), None)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(sent)))
        self._send(self.server.status, self.server.body, self.server.length)

    def _send(self, status: int, body: bytes, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def engine(peer: Peer) -> Iterator[RemoteEngine]:
    made = RemoteEngine(peer.url + "/")
    yield made
    made.close()


def generate(engine: RemoteEngine, settings: GenerationSettings) -> list[str]:
    texts: list[str] = []

    async def run() -> None:
        async for chunk in engine.stream("far", "x", settings):
            texts.append(chunk.text)

    asyncio.run(run())
    return texts


def problem(code: str | None) -> bytes:
    return json.dumps({"error": {"message": "it is so", "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, problem("model_not_found"), ModelNotFoundError, "it is so"),
        (404, problem("not_found"), NotFoundError, "it is so"),
        (400, problem(None), InputError, "it is so"),
        (503, problem("engine_unavailable"), EngineError, "it is so"),
        (500, b"<html>", EngineError, "answered with status 500"),
        (502, b'{"error": "gone"}', EngineError, "answered with status 502"),
        (200, b"<html>", EngineError, "is no JSON"),
    ],
)
def test_every_reply_that_is_no_answer_is_one_of_the_librarys_errors(
    engine: RemoteEngine, peer: Peer, status: int, body: bytes, kind: type, words: str
) -> None:
    peer.status, peer.body = status, body
    with pytest.raises(RobustnessError, match=words) as caught:
        engine.count_tokens("far", ["x"])
    assert type(caught.value) is kind


def test_a_connection_cut_in_the_middle_of_a_stream_is_an_engine_error(
    engine: RemoteEngine, peer: Peer
) -> None:
    peer.body = f"data: {json.dumps(PIECE)}\n\n".encode()
    peer.length = 9999
    with pytest.raises(EngineError, match=r"does not answer.*python -m server"):
        generate(engine, GenerationSettings())


def test_a_stream_asks_for_exactly_the_settings(engine: RemoteEngine, peer: Peer) -> None:
    done = f"data: {json.dumps(PIECE)}\n\ndata: [DONE]\n\n"
    peer.body = f": a comment\n\n{done}".encode()
    settings = GenerationSettings(
        max_tokens=7, temperature=0.5, top_p=0.25, stop=("a", "b"), seed=11, logprobs=2
    )
    assert generate(engine, settings) == ["one "]
    ((path, body),) = peer.asked
    assert path == "/v1/completions"
    assert body == {
        "model": "far", "prompt": "x", "stream": True, "max_tokens": 7, "temperature": 0.5,
        "top_p": 0.25, "stop": ["a", "b"], "seed": 11, "logprobs": 2,
        "stream_options": {"continuous_usage_stats": True},
    }


def test_nothing_to_read_asks_nothing(engine: RemoteEngine, peer: Peer) -> None:
    assert engine.read("far", []) == []
    assert engine.represent("far", []) == []
    assert peer.asked == []


def test_proxies_of_the_environment_are_not_used(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    engine = RemoteEngine(peer.url)
    peer.body = b'{"tokens": [4]}'
    assert engine.count_tokens("far", ["x"]) == [4]
    engine.close()


@pytest.mark.parametrize("address", ["http://a:port", "ftp://127.0.0.1"])
def test_a_malformed_address_is_the_users_to_fix(address: str) -> None:
    with pytest.raises(InputError, match="is not an address"):
        RemoteEngine(address)
