"""The queues in front of the model: bounded, and never stuck."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest

from robustness.workbench import Workbench
from server import admission
from server.admission import Queue
from server.application import create_app
from server.errors import BusyError
from server.settings import Settings


def queue_of(*, at_once: int = 1, waiting: int = 1, seconds: float = 10.0) -> Queue:
    return Queue("predictions", at_once=at_once, waiting=waiting, seconds=seconds)


def test_what_comes_beyond_the_queue_is_refused_and_told_when_to_come_again() -> None:
    queue = queue_of(waiting=0)
    with queue.entered():
        with pytest.raises(BusyError, match="queue of predictions is full") as caught, \
                queue.entered():
            pass
        assert caught.value.seconds >= 1
        assert (queue.running, queue.waiting, queue.refused) == (1, 0, 1)
    with queue.entered():
        assert queue.running == 1
    assert queue.running == 0


def test_who_waits_too_long_is_refused_and_leaves_no_place_taken() -> None:
    queue = queue_of(seconds=0.05)
    with queue.entered(), pytest.raises(BusyError, match="did not move"), queue.entered():
        pass
    assert (queue.running, queue.waiting) == (0, 0)


def test_threads_and_tasks_wait_in_one_queue_in_their_order(until: Callable) -> None:
    queue, order = queue_of(waiting=4), []

    def thread() -> None:
        with queue.entered():
            order.append("thread")

    async def task() -> None:
        async with queue.entered_async():
            order.append("task")

    with ThreadPoolExecutor(2) as pool:
        with queue.entered():
            first = pool.submit(thread)
            until(lambda: queue.waiting == 1)
            second = pool.submit(lambda: asyncio.run(task()))
            until(lambda: queue.waiting == 2)
        first.result(10)
        second.result(10)
    assert order == ["thread", "task"]
    assert (queue.running, queue.waiting) == (0, 0)


def test_tasks_that_are_cancelled_at_any_moment_leave_no_place_taken() -> None:
    queue = queue_of(at_once=2, waiting=50)

    async def work() -> None:
        async with queue.entered_async():
            await asyncio.sleep(0.001)

    async def all_of_them() -> None:
        tasks = [asyncio.ensure_future(work()) for _ in range(50)]
        for number, task in enumerate(tasks):
            if number % 2:
                await asyncio.sleep(0.0003 * (number % 5))
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    for _ in range(20):
        asyncio.run(all_of_them())
    assert (queue.running, queue.waiting) == (0, 0)


class Gate:
    """Reading that waits until it is let go."""

    def __init__(self, fake) -> None:
        self.go = threading.Event()
        self.reading = 0
        fake.represent = self.represent

    def represent(self, model, texts):
        self.reading += 1
        assert self.go.wait(30)
        return [[0.0] for _ in texts]


@pytest.fixture
def narrow(fake, tmp_path: Path, serve) -> Iterator[str]:
    """Address of a server that computes one request and lets one wait."""
    settings = Settings(
        jobs=tmp_path / "jobs", predictions=1, waiting_predictions=1, generations=1,
        waiting_generations=1,
    )
    with serve(create_app(Workbench(fake, indexes=tmp_path), settings)) as address:
        yield address


def embed(url: str) -> httpx.Response:
    body = {"model": "fake", "input": "a"}
    return httpx.post(f"{url}/v1/embeddings", json=body, timeout=30)


def test_a_full_server_replies_429_with_retry_after_and_goes_on(
    fake, narrow: str, until: Callable
) -> None:
    gate = Gate(fake)
    with ThreadPoolExecutor(30) as pool:
        asked = [pool.submit(embed, narrow) for _ in range(30)]
        until(lambda: sum(reply.done() for reply in asked) == 28)
        assert httpx.get(f"{narrow}/healthz").status_code == 200
        gate.go.set()
        replies = [reply.result(30) for reply in asked]
    assert sorted(r.status_code for r in replies) == [200] * 2 + [429] * 28
    refused = next(r for r in replies if r.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "server_busy")
    assert "predictions is full" in error["message"]
    assert embed(narrow).status_code == 200
    told = httpx.get(f"{narrow}/metrics").text
    assert 'steadfast_queue_full_total{kind="predictions"} 28.0' in told
    assert 'steadfast_requests_running{kind="predictions"} 0.0' in told


def test_a_full_queue_refuses_before_the_body_is_read(fake, narrow: str, until: Callable) -> None:
    gate = Gate(fake)
    path = f"{narrow}/robustness/v1/predict"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(embed, narrow)
        until(lambda: gate.reading == 1)
        second = pool.submit(embed, narrow)
        until(lambda: httpx.post(path, content=b"no JSON").status_code == 429)
        gate.go.set()
        assert (first.result(30).status_code, second.result(30).status_code) == (200, 200)
    assert httpx.post(path, content=b"no JSON").status_code == 400


def test_of_many_that_begin_at_once_most_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = queue_of()
    first, _ = made.expect(), made.expect()
    with pytest.raises(BusyError, match="is full"):
        made.expect()
    made.arrived(first)
    with made.entered():
        with pytest.raises(BusyError):
            made.expect()
        # Who sends slowly keeps no room for long.
        monkeypatch.setattr(admission, "_ARRIVAL_SECONDS", 0.0)
        made.expect()
    made.arrived(first)


def test_requests_that_are_refused_for_another_reason_keep_no_room(narrow: str) -> None:
    path = f"{narrow}/robustness/v1/predict"
    for content in (b"no JSON", b"{}", b'{"instruction": "x", "task": "nothing"}') * 3:
        assert httpx.post(path, content=content).status_code in (400, 404)


def test_the_more_are_refused_the_later_they_are_told_to_come_again() -> None:
    queue = queue_of(waiting=0)
    told = []
    with queue.entered():
        for _ in range(100):
            with pytest.raises(BusyError) as caught:
                queue.expect()
            told.append(caught.value.seconds)
    assert told[0] == 1
    assert told == sorted(told)
    assert told[-1] == 30


def test_openai_s_client_raises_its_own_exception(fake, narrow: str, until: Callable) -> None:
    gate = Gate(fake)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(embed, narrow) for _ in range(2)]
        until(lambda: gate.reading == 1)
        with openai.OpenAI(base_url=f"{narrow}/v1", api_key="any", max_retries=0) as client:
            time.sleep(0.2)
            with pytest.raises(openai.RateLimitError):
                client.embeddings.create(model="fake", input="a")
        gate.go.set()
        assert [w.result(30).status_code for w in waiting] == [200, 200]


def test_a_client_that_leaves_the_queue_makes_room(fake, narrow: str, until: Callable) -> None:
    gate = Gate(fake)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(embed, narrow)
        until(lambda: gate.reading == 1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{narrow}/v1/embeddings", json={"model": "fake", "input": "a"}, timeout=0.3
            )
        second = pool.submit(embed, narrow)
        time.sleep(0.3)
        assert not second.done()
        gate.go.set()
        assert (first.result(30).status_code, second.result(30).status_code) == (200, 200)
    assert gate.reading == 2


def test_long_lists_do_not_take_the_places_of_predictions(
    fake, narrow: str, until: Callable
) -> None:
    gate = Gate(fake)
    many = {"model": "fake", "input": ["a"] * 100}
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(httpx.post, f"{narrow}/v1/embeddings", json=many, timeout=30)
        until(lambda: gate.reading == 1)
        short = pool.submit(embed, narrow)
        until(lambda: gate.reading == 2)
        gate.go.set()
        assert (long.result(30).status_code, short.result(30).status_code) == (200, 200)
