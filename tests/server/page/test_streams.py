import asyncio
from collections.abc import AsyncIterator

from robustness.errors import EngineError
from robustness.types import CompletionChunk
from server.page.streams import side_by_side


async def _counting(name: str, until: int, log: list[str]) -> AsyncIterator[CompletionChunk]:
    try:
        for number in range(until):
            await asyncio.sleep(0.001)
            yield CompletionChunk(text=f"{name}{number}")
        if until == 1:
            raise EngineError("the device is lost")
    finally:
        log.append(name)


def test_two_streams_come_side_by_side_and_one_that_fails_says_so() -> None:
    async def run() -> list[tuple[int, str]]:
        streams = [_counting("a", 5, []), _counting("b", 1, [])]
        return [piece async for piece in side_by_side(streams)]

    pieces = asyncio.run(run())
    assert "".join(t for n, t in pieces if n == 0) == "a0a1a2a3a4"
    assert "".join(t for n, t in pieces if n == 1) == "b0 [stopped: the device is lost]"
    assert [n for n, _ in pieces[:3]] != [0, 0, 0]


def test_stopping_closes_every_stream() -> None:
    log: list[str] = []

    async def run() -> None:
        pieces = side_by_side([_counting("a", 50, log), _counting("b", 50, log)])
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(run())
    assert sorted(log) == ["a", "b"]
