"""A server on loopback that speaks OpenAI's wire format, and a tiny NLI model."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from tests.conftest import make_tokenizer


class Stub(BaseHTTPRequestHandler):
    """Replies with `reply`, or what `reply` makes of the message; writes down what it was asked."""

    reply: str | Callable[[str, int], str] | None = ""
    statuses: list[int] = []  # noqa: RUF012
    status = 200
    retry_after = ""
    location = ""
    usage: dict[str, int] | None = None
    url = ""
    asked: list[dict] = []  # noqa: RUF012
    keys: list[str | None] = []  # noqa: RUF012
    headers_sent: list[dict[str, str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.keys.append(self.headers["Authorization"])
        self.headers_sent.append(dict(self.headers))
        reply = type(self).__dict__.get("reply", "")
        if callable(reply):
            reply = reply(body["messages"][0]["content"], len(self.asked))
        document = {"choices": [{"message": {"content": reply}}]}
        if self.usage:
            document["usage"] = self.usage
        answer = json.dumps(document).encode()
        self.send_response(self.statuses.pop(0) if self.statuses else self.status)
        if self.retry_after:
            self.send_header("Retry-After", self.retry_after)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def stub() -> Iterator[type[Stub]]:
    lists: dict[str, list] = {n: [] for n in ("asked", "keys", "statuses", "headers_sent")}
    handler = type("Handler", (Stub,), lists)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def tiny_nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random classifier of pairs whose labels are an NLI model's."""
    folder = tmp_path_factory.mktemp("models") / "tiny-nli"
    size = make_tokenizer(folder, encoder_decoder=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=512, pad_token_id=0, initializer_range=0.8,
        id2label={0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"},
        label2id={"CONTRADICTION": 0, "NEUTRAL": 1, "ENTAILMENT": 2},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder
