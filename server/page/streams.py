"""Merges the generated text of several models. Does not generate it; see `Engine.stream`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from robustness.errors import RobustnessError
from robustness.types import CompletionChunk


async def side_by_side(
    streams: Sequence[AsyncIterator[CompletionChunk]],
) -> AsyncGenerator[tuple[int, str]]:
    """Merges the text of several streams; an error of a stream is put into its text.

    Args:
        streams: One stream for each model. They are closed when the consumer stops.

    Yields:
        Index of the stream and the text to append.
    """
    waiting = {asyncio.ensure_future(anext(s)): n for n, s in enumerate(streams)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number = waiting.pop(task)
                try:
                    chunk = task.result()
                except StopAsyncIteration:
                    continue
                except RobustnessError as error:
                    yield number, f" [stopped: {error}]"
                    continue
                waiting[asyncio.ensure_future(anext(streams[number]))] = number
                yield number, chunk.text
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for stream in streams:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
