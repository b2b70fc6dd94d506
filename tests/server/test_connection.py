import asyncio
import json
import threading

import httpx
import pytest

from robustness.errors import CancelledError
from server.connection import in_thread_while_connected, while_connected


class Request:
    """Whose client leaves when the event is set."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict:
        await self.left.wait()
        return {"type": "http.disconnect"}


def test_the_work_of_a_client_that_stays_gives_its_result() -> None:
    async def run() -> int:
        return await while_connected(Request(), asyncio.sleep(0.01, 7))

    assert asyncio.run(run()) == 7


def test_an_error_of_the_work_is_passed_on() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    async def run() -> None:
        await while_connected(Request(), fail())

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(run())


def test_work_in_a_thread_is_told_when_the_client_leaves() -> None:
    told = threading.Event()

    async def run() -> None:
        request = Request()

        def work(should_stop) -> None:
            request_loop.call_soon_threadsafe(request.left.set)
            while not should_stop():
                pass
            told.set()

        request_loop = asyncio.get_running_loop()
        await in_thread_while_connected(request, work)

    with pytest.raises(CancelledError, match="left"):
        asyncio.run(run())
    assert told.wait(5)


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_closing_a_stream_stops_its_generation(fake, fake_url: str, until, path: str) -> None:
    body = {
        "model": "fake", "prompt": "count", "messages": [{"role": "user", "content": "count"}],
        "max_tokens": 100_000, "stream": True,
    }
    with httpx.stream("POST", fake_url + path, json=body, trust_env=False) as reply:
        lines = reply.iter_lines()
        assert json.loads(next(lines).removeprefix("data: "))["choices"]
        assert fake.running == 1
    until(lambda: fake.running == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_before_the_first_piece_stops_the_generation(
    fake, fake_url: str, until, stream: bool
) -> None:
    body = {"model": "fake", "prompt": "think", "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{fake_url}/v1/completions", json=body, timeout=0.5, trust_env=False)
    until(lambda: fake.running == 0)


def test_a_waiting_client_gets_its_whole_answer(fake, fake_url: str) -> None:
    body = {"model": "fake", "prompt": "count", "max_tokens": 3}
    reply = httpx.post(f"{fake_url}/v1/completions", json=body, trust_env=False)
    assert reply.json()["choices"][0]["text"] == "0 1 2 "
    assert fake.running == 0
