import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from robustness.types import CompletionChunk
from server.metrics import CountRequests, Metrics

END = CompletionChunk(text="", finish_reason="stop", prompt_tokens=5, completion_tokens=3)
MESSAGES: list[dict[str, Any]] = [
    {"type": "http.response.start", "status": 201, "headers": []},
    {"type": "http.response.body", "body": b"one", "more_body": True},
    {"type": "http.response.body", "body": b"two", "more_body": False},
]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def tokens(metrics: Metrics, kind: str) -> float | None:
    return value(metrics, "steadfast_tokens_total", model="m", kind=kind)


def served(metrics: Metrics, scope: dict[str, Any]) -> list[Any]:
    """What comes out of the middleware around an application that says `MESSAGES`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        for message in MESSAGES:
            await send(message)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    asyncio.run(CountRequests(answer, metrics)(scope, receive, send))
    return sent


def test_a_generation_counts_its_last_piece_and_is_running_until_it_ends() -> None:
    metrics = Metrics()
    with metrics.generation("m") as last:
        assert value(metrics, "steadfast_generations_running") == 1
        last[:] = [END]
    assert value(metrics, "steadfast_generations_running") == 0
    assert (tokens(metrics, "prompt"), tokens(metrics, "completion")) == (5, 3)


def test_a_generation_that_fails_counts_what_it_came_to() -> None:
    metrics = Metrics()
    for pieces in ([END, END], []):
        with pytest.raises(OSError), metrics.generation("m") as last:
            last += pieces
            raise OSError
    assert value(metrics, "steadfast_generations_running") == 0
    assert (tokens(metrics, "prompt"), tokens(metrics, "completion")) == (5, 3)


def test_requests_are_counted_under_the_path_of_their_route() -> None:
    metrics = Metrics()
    for number in range(3):
        scope = {"type": "http", "method": "GET", "path": f"/jobs/{number}"}
        served(metrics, scope | {"route": SimpleNamespace(path="/jobs/{job_id}")})
    labels = {"path": "/jobs/{job_id}", "method": "GET", "status": "201"}
    assert value(metrics, "steadfast_requests_total", **labels) == 3
    assert value(metrics, "steadfast_request_seconds_count", path="/jobs/{job_id}") == 3
    assert "/jobs/1" not in metrics.text().decode()


def test_requests_without_a_route_share_one_label() -> None:
    metrics = Metrics()
    for path in ("/wp-admin", "/.env"):
        served(metrics, {"type": "http", "method": "GET", "path": path})
    labels = {"path": "other", "method": "GET", "status": "201"}
    assert value(metrics, "steadfast_requests_total", **labels) == 2
    assert "wp-admin" not in metrics.text().decode()


def test_a_stream_passes_piece_by_piece_and_what_is_no_request_uncounted() -> None:
    metrics = Metrics()
    assert served(metrics, {"type": "http", "method": "POST"}) == MESSAGES
    before = metrics.text()
    assert served(metrics, {"type": "websocket"}) == MESSAGES
    assert metrics.text() == before


def test_two_applications_count_apart() -> None:
    first, second = Metrics(), Metrics()
    with first.generation("m") as last:
        last.append(END)
    assert tokens(first, "prompt") == 5
    assert tokens(second, "prompt") is None


def test_methods_that_nobody_knows_share_one_label() -> None:
    metrics = Metrics()
    for method in ("BREW", "X" * 5000, "GET"):
        served(metrics, {"type": "http", "method": method})
    for method, times in (("other", 2), ("GET", 1)):
        labels = {"path": "other", "method": method, "status": "201"}
        assert value(metrics, "steadfast_requests_total", **labels) == times
    assert "BREW" not in metrics.text().decode()
