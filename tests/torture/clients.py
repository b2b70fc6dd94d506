"""Two hundred clients for a minute, with streams among them, and a single one for comparison.

The single one sends as many predictions in a second as the server admitted under load.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psutil

from tests.torture.outcome import CRASHES, UNANSWERED, Outcome
from tests.torture.server_process import Running, running

_ASKED = {"instruction": "Say if this is a view or a fact.", "task": "subjectivity"}
_STREAMED = {"prompt": "Where is Anna?", "max_tokens": 64, "stream": True}
_PATIENT = 120.0
"""Seconds that a client waits before its request counts as unanswered."""
_ALONE_SECONDS = 15.0
_LONG = 20.0
"""Seconds from which on times and memory are judged."""
_SETTLE_SECONDS = 20.0


def _p(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class _Load:
    """What the clients saw."""

    def __init__(self) -> None:
        self.accepted: list[float] = []
        """Seconds of each accepted live prediction."""
        self.statuses: dict[int, int] = {}
        self.unanswered = 0
        self.unpolite = 0
        """Refusals without the header Retry-After."""
        self.streams = 0
        self.megabytes = 0.0
        self.own_share = 0.0
        """Processors that the clients used."""
        self.server_share = 0.0
        self.all_share = 0.0
        """Those of all programs of the machine."""

    def count(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1


async def _client(number: int, client: httpx.AsyncClient, model: str, until: float, load: _Load,
                  streaming: bool) -> None:
    turn = 0
    while time.monotonic() < until:
        turn += 1
        begun = time.monotonic()
        try:
            if streaming:
                async with client.stream(
                    "POST", "/v1/completions", json=_STREAMED | {"model": model}
                ) as reply:
                    async for _ in reply.aiter_bytes():
                        pass
                load.streams += reply.status_code == 200
            else:
                text = f"{_ASKED['instruction']} ({number}, {turn})"
                reply = await client.post(
                    "/robustness/v1/predict", json=_ASKED | {"instruction": text}
                )
                if reply.status_code == 200:
                    load.accepted.append(time.monotonic() - begun)
        except httpx.HTTPError:
            load.unanswered += 1
            continue
        load.count(reply.status_code)
        if reply.status_code in (429, 503):
            wait = reply.headers.get("retry-after", "")
            load.unpolite += not wait
            await asyncio.sleep(min(float(wait or 1), max(0.0, until - time.monotonic())))


async def _watch(server: Running, load: _Load, until: float) -> None:
    while time.monotonic() < until:
        load.megabytes = max(load.megabytes, server.megabytes())
        await asyncio.sleep(0.25)


@asynccontextmanager
async def _each_own(server: Running, number: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients with connections of their own.

    One client with hundreds of connections looks through all of them at each request, which took
    seconds that counted as the server's.
    """
    context = httpx.create_ssl_context(verify=False)  # there is no TLS, but each would read a file
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(httpx.AsyncClient(
                base_url=server.url, timeout=_PATIENT, trust_env=False, verify=context
            ))
            for _ in range(number)
        ]


async def _loaded(server: Running, clients: int, streams: int, seconds: float, model: str) -> _Load:
    load = _Load()
    async with _each_own(server, clients) as made:
        begun, own, its = time.monotonic(), psutil.Process().cpu_times(), server.cpu_times()
        everything = _machine()
        until = begun + seconds
        work = [
            _client(n, client, model, until, load, n < streams) for n, client in enumerate(made)
        ]
        await asyncio.gather(*work, _watch(server, load, until))
        taken = time.monotonic() - begun
        load.own_share = _busy(own, psutil.Process().cpu_times()) / taken
        load.server_share = _busy(its, server.cpu_times()) / taken
        load.all_share = (_machine() - everything) / taken
    return load


def _machine() -> float:
    """Seconds of processor of all programs of the machine so far."""
    times = psutil.cpu_times()
    return float(sum(times[:-2] if hasattr(times, "guest") else times) - times.idle - times.iowait)


def _busy(before: Any, after: Any) -> float:
    """Seconds of processor between two readings."""
    return float(after.user + after.system - before.user - before.system)


async def _steady(server: Running, rate: float, seconds: float) -> list[float]:
    """Seconds of the predictions of one client that sends so many in a second."""
    async with _each_own(server, 1) as (client,):
        async def one(number: int) -> float:
            await asyncio.sleep(number / rate)
            begun = time.monotonic()
            text = f"{_ASKED['instruction']} (alone, {number})"
            reply = await client.post(
                "/robustness/v1/predict", json=_ASKED | {"instruction": text}
            )
            return time.monotonic() - begun if reply.status_code == 200 else float("nan")

        taken = await asyncio.gather(*(one(n) for n in range(max(1, int(rate * seconds)))))
    return [t for t in taken if t == t]


def run(*, clients: int, seconds: float) -> Outcome:
    """Loads a server of its own.

    Args:
        clients: How many at once; a quarter of them read streams.
        seconds: For how long.
    """
    outcome = Outcome("many clients", f"{clients} for {seconds:.0f} s", (CRASHES, UNANSWERED))
    with running() as server, server.client() as client:
        model = client.get("/v1/models").json()["data"][0]["id"]
        warm = asyncio.run(_loaded(server, 4, 1, 4.0, model))
        before = server.megabytes()
        load = asyncio.run(_loaded(server, clients, clients // 4, seconds, model))
        load.unanswered += warm.unanswered
        limit = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < limit and server.megabytes() > 1.1 * before:
            time.sleep(0.5)
        after = server.megabytes()
        rate = max(1.0, len(load.accepted) / seconds)
        alone = asyncio.run(_steady(server, rate, min(seconds, _ALONE_SECONDS)))
        if client.get("/readyz").status_code != 200:
            outcome.fault("the server is not ready afterwards", CRASHES)
        if server.process.poll() is not None:
            outcome.fault("the server ended", CRASHES)
    outcome.counts["requests"] = sum(load.statuses.values()) + load.unanswered
    for status, number in sorted(load.statuses.items()):
        outcome.counts[f"status {status}"] = number
    single, many = _p(alone, 0.99), _p(load.accepted, 0.99)
    outcome.figures["predictions admitted a second"] = f"{rate:.1f}"
    outcome.figures["p99 of one client at this rate, s"] = f"{single:.2f}"
    outcome.figures["p50 under load, s"] = (
        f"{statistics.median(load.accepted):.2f}" if load.accepted else "none was accepted"
    )
    outcome.figures["p99 under load, s"] = f"{many:.2f}"
    others = max(0.0, load.all_share - load.server_share - load.own_share)
    outcome.figures["processors used by the server, by the clients, by other programs"] = (
        f"{load.server_share:.2f}, {load.own_share:.2f}, {others:.2f}"
    )
    outcome.figures["memory before, highest, after, MB"] = (
        f"{before:.0f}, {load.megabytes:.0f}, {after:.0f}"
    )
    for _ in range(load.unanswered):
        outcome.fault("a request was not answered", UNANSWERED)
    if load.unpolite:
        outcome.fault(f"{load.unpolite} refusals had no Retry-After")
    if not load.accepted:
        outcome.fault("no live prediction was accepted")
    elif many > 3 * single and seconds >= _LONG:
        outcome.fault(f"p99 under load is {many / single:.1f} times that of one client")
    if after > 1.1 * before and seconds >= _LONG:
        outcome.fault(f"memory went from {before:.0f} to {after:.0f} MB")
    return outcome
