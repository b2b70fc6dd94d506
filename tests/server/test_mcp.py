"""The tools of the MCP server, with a client of the protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from robustness.models.transformers_engine import TransformersEngine
from robustness.workbench import Workbench
from server import demo
from server.access import Access
from server.engines import Built
from server.jobs import Jobs
from server.opening import Opened, Opening
from server.settings import Settings

pytest.importorskip("mcp", reason="it is not installed beside vLLM")

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

ASKED = {"instruction": "Name the topic, please.\n{text}", "task": "scene_topic"}


@pytest.fixture
def address(
    aligned_engine: TransformersEngine, indexes: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, serve,
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    workbench = Workbench(aligned_engine, indexes=indexes)
    jobs = Jobs(workbench, tmp_path / "jobs")
    settings = Settings(jobs=tmp_path / "jobs", indexes=indexes, mcp=True)
    opened = Opened(
        built=Built(engine=aligned_engine, reason="a test"), workbench=workbench, jobs=jobs,
        api=demo.FastAPI(),
    )

    async def front() -> ASGIApp:
        opening = Opening(lambda _: opened, ())
        opening._run()
        opening.close = lambda: None  # the engine is other tests', too
        return demo.front(settings, opening, Access(settings))

    with serve(asyncio.run(front())) as url:
        yield url
    jobs.close()


@asynccontextmanager
async def session(address: str) -> AsyncIterator[ClientSession]:
    place = f"{address}/gradio_api/mcp/"
    async with streamable_http_client(place) as (get, put, _), ClientSession(get, put) as made:
        await made.initialize()
        yield made


def test_an_agent_lists_and_calls_the_four_tools(address: str) -> None:
    async def called() -> tuple[dict, dict]:
        async with session(address) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            replies = {name: await client.call_tool(name, ASKED) for name in tools}
            replies["unknown"] = await client.call_tool("predict", ASKED | {"task": "nowhere"})
            return tools, replies

    tools, replies = asyncio.run(called())
    assert set(tools) == {"predict", "measure", "advise", "compare"}
    for tool in tools.values():
        assert tool.description
        assert set(tool.inputSchema["required"]) == {"instruction", "task"}
    refused = replies.pop("unknown")
    assert refused.isError and "no task 'nowhere'" in refused.content[0].text
    made = {name: json.loads(reply.content[0].text) for name, reply in replies.items()}
    assert made["predict"]["task"] == "scene_topic" and "tier" in made["predict"]
    assert 0 <= made["measure"]["accuracy"] <= 100
    assert made["advise"] and made["advise"][0]["prediction"]
    assert len(made["compare"]["answers"]) == 2
