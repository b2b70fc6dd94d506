"""The JSON on the wire: every reply of status 200 has the keys, nulls and types that were saved.

`STEADFAST_SAVE_REPLIES=1` writes the file anew.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

SAVED = Path(__file__).with_name("replies.json")
OWN = {"fields": {"text": "The soup was cold."}, "options": ["good", "bad"]}
CHAT = [{"role": "user", "content": "Is it red?"}]
TEXT = {"model": "tiny-llama", "prompt": ["Is it red?", "Where?"], "max_tokens": 2, "seed": 1}
TALK = {"model": "tiny-llama", "messages": CHAT, "max_tokens": 2, "seed": 1}
REPLY = {
    "model": "tiny-llama", "input": "Is it red?", "max_output_tokens": 2, "top_logprobs": 1,
    "temperature": 0,
}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}
READ = {"model": "tiny-llama", "prompts": [{"text": "Is it red?", "options": ["yes", "no"]}]}
ASKED: dict[str, tuple[str, str, Any]] = {
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/tiny-llama+random", None),
    "completion": ("POST", "/v1/completions", TEXT),
    "completion with logprobs": ("POST", "/v1/completions", TEXT | {"logprobs": 2}),
    "streamed completion": ("POST", "/v1/completions", TEXT | USAGE),
    "streamed completion with logprobs": (
        "POST", "/v1/completions", TEXT | {"logprobs": 2, "stream": True}
    ),
    "streamed completion that counts": (
        "POST", "/v1/completions",
        TEXT | {"stream": True, "stream_options": {"continuous_usage_stats": True}},
    ),
    "chat": ("POST", "/v1/chat/completions", TALK),
    "chat with logprobs": (
        "POST", "/v1/chat/completions", TALK | {"logprobs": True, "top_logprobs": 2}
    ),
    "streamed chat": ("POST", "/v1/chat/completions", TALK | USAGE),
    "streamed chat with logprobs": (
        "POST", "/v1/chat/completions", TALK | {"logprobs": True, "stream": True}
    ),
    "echoed completion": (
        "POST", "/v1/completions", TEXT | {"echo": True, "logprobs": 1, "n": 2}
    ),
    "response": ("POST", "/v1/responses", REPLY),
    "embeddings": ("POST", "/v1/embeddings", {"model": "tiny-llama", "input": ["a", "b"]}),
    "packed embeddings": (
        "POST", "/v1/embeddings",
        {"model": "tiny-llama", "input": "a", "encoding_format": "base64"},
    ),
    "tasks": ("GET", "/robustness/v1/tasks", None),
    "prediction": (
        "POST", "/robustness/v1/predict", {"instruction": "Which topic?", "task": "scene_topic"}
    ),
    "prediction for inputs": (
        "POST", "/robustness/v1/predict", {"instruction": "Say yes or no.", "inputs": [OWN]}
    ),
    "comparison": (
        "POST", "/robustness/v1/compare", {"instruction": "Good or bad?", "input": OWN}
    ),
    "measurement": (
        "POST", "/robustness/v1/measure",
        {"instruction": "Which topic?", "task": "scene_topic", "limit": 8},
    ),
    "measurement without a baseline": (
        "POST", "/robustness/v1/measure",
        {
            "instruction": "Which topic?", "task": "scene_topic", "limit": 8,
            "model": "tiny-llama+random",
        },
    ),
    "engine": ("GET", "/robustness/v1/engine", None),
    "readings": ("POST", "/robustness/v1/read", READ),
    "chat prompt": (
        "POST", "/robustness/v1/chat_prompt", {"model": "tiny-llama", "messages": CHAT}
    ),
    "count of tokens": (
        "POST", "/robustness/v1/count_tokens", {"model": "tiny-llama", "texts": ["a", "b c"]}
    ),
    "liveness": ("GET", "/healthz", None),
    "readiness": ("GET", "/readyz", None),
}


def shape(value: Any) -> Any:
    """Keys, nulls and types; the first element of a list stands for it."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [shape(v) for v in value[:1]]
    # A probability of exactly one is an integer nowhere: 1.0 stays 1.0.
    return type(value).__name__


def taken(reply: httpx.Response) -> Any:
    """The shape of a reply, or those of a stream's events, each kind once."""
    assert reply.status_code in (200, 202), reply.text
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return shape(reply.json())
    *events, end, rest = reply.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    kinds: list[Any] = []
    for event in events:
        assert event.startswith("data: ") and "\n" not in event
        found = shape(json.loads(event.removeprefix("data: ")))
        if found not in kinds:
            kinds.append(found)
    return kinds


def job(http: httpx.Client, until: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
    table = {"file": ("mine.csv", "instruction,task\nx,scene_topic\n")}
    made = http.post("/robustness/v1/jobs", files=table)
    path = f"/robustness/v1/jobs/{made.json()['id']}"
    until(lambda: http.get(path).json()["state"] == "done")
    return {"submitted job": taken(made), "job": taken(http.get(path))} | {
        "deleted job": taken(http.delete(path, params={"remove": True}))
    }


@pytest.fixture(scope="module")
def replies(http: httpx.Client, until) -> dict[str, Any]:
    asked = {
        name: taken(http.request(method, path, json=body))
        for name, (method, path, body) in ASKED.items()
    }
    return asked | job(http, until)


def test_the_replies_are_what_they_were(replies: dict[str, Any]) -> None:
    if os.environ.get("STEADFAST_SAVE_REPLIES"):
        SAVED.write_text(json.dumps(replies, indent=1, sort_keys=True) + "\n")
    assert replies == json.loads(SAVED.read_text())


def test_the_description_says_what_every_good_reply_looks_like(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            (good,) = (r for status, r in about["responses"].items() if status.startswith("2"))
            other = set(good["content"]) - {"application/json", "text/event-stream"}
            if other:
                assert other <= {"text/csv", "text/plain"}, (path, method)
                continue
            name = good["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
            assert described["components"]["schemas"][name]["properties"], (path, method)
