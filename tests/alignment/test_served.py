"""A stub speaks OpenAI's wire format on loopback; the client and the gate are the real ones."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from robustness import advice
from robustness.alignment.served import PROMPTS, ServedParaphraser
from robustness.errors import EngineError
from robustness.types import Instruction, TaskType
from robustness.workbench import Workbench

ASKED = Instruction(
    text="Which subject does the sentence belong to?\n{text}\nSubject:", collection="mine",
    task_type=TaskType.MC, task="scene_topic",
)


class Stub(BaseHTTPRequestHandler):
    reply: str = ""
    status = 200
    asked: list[dict] = []  # noqa: RUF012
    keys: list[str | None] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(json.loads(body))
        self.keys.append(self.headers["Authorization"])
        answer = json.dumps({"choices": [{"message": {"content": self.reply}}]}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def stub() -> Iterator[type[Stub]]:
    handler = type("Handler", (Stub,), {"asked": [], "keys": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield handler
    server.shutdown()
    server.server_close()


def test_what_is_not_a_valid_rewording_is_left_out(stub: type[Stub]) -> None:
    stub.reply = "\n".join(
        [
            "1. Name the topic of this passage.\\n{text}\\nTopic:",
            "- What is {text} about, in one word?",
            "Tell me what it is about.",  # the input is lost
            "Read {text} and then {text} again.",  # a placeholder twice
            "Read {story}.",
            ASKED.text.replace("\n", "\\n"),  # the very same
            "",
        ]
    )
    made = ServedParaphraser(url=stub.url, model="big", key="k").reword(ASKED, count=4)
    assert made == [
        "Name the topic of this passage.\n{text}\nTopic:", "What is {text} about, in one word?"
    ]
    assert len(stub.asked) == len(PROMPTS)
    assert set(stub.keys) == {"Bearer k"}
    contents = [row["messages"][0]["content"] for row in stub.asked]
    assert all(ASKED.text in c and "4" in c for c in contents)
    assert len(set(contents)) == len(PROMPTS)


def test_a_server_that_refuses_is_named(stub: type[Stub]) -> None:
    stub.status = 429
    with pytest.raises(EngineError, match="answered 429"):
        ServedParaphraser(url=stub.url, model="big").reword(ASKED)
    stub.status, stub.reply = 200, None
    gone = ServedParaphraser(url="http://127.0.0.1:9/v1", model="big")
    with pytest.raises(EngineError, match="does not answer"):
        gone.reword(ASKED)


def test_a_served_models_rewordings_are_predicted_and_named(
    stub: type[Stub], workbench: Workbench
) -> None:
    stub.reply = "Give the field that {text} is from."
    rows = advice.rewordings(
        workbench, ASKED.text, task="scene_topic", count=50,
        paraphraser=ServedParaphraser(url=stub.url, model="big"),
    )
    (mine,) = (r for r in rows if r.source == "big")
    assert mine.text == stub.reply
    assert mine.prediction == workbench.predict(stub.reply, task="scene_topic")
