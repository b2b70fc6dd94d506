import asyncio
from pathlib import Path

import gradio as gr

from robustness import paths
from server.access import Access
from server.opening import Opening
from server.page import head, layout, shipped
from server.settings import Settings

TOOLS = {"predict", "measure", "advise", "compare"}


def nothing(_: Opening) -> None:
    raise AssertionError("it is not started")


def offered(mcp: bool) -> set[str]:
    async def built() -> gr.Blocks:
        # In an event loop, since Gradio makes one of its own where there is none.
        return layout.build_page(Opening(nothing, ()), Access(Settings(mcp=mcp)))

    page = asyncio.run(built())
    return {str(f.api_name) for f in page.fns.values() if f.api_visibility == "public"}


def test_the_tools_are_offered_when_they_are_asked_for_and_only_then() -> None:
    assert offered(mcp=True) == TOOLS
    assert offered(mcp=False) == set()


def test_recorded_replies_belong_to_the_shipped_models_alone(tmp_path: Path) -> None:
    assert shipped.recorded(Settings()) == paths.BACKBONE
    assert shipped.recorded(Settings(model=str(paths.TUNED))) == paths.TUNED
    for other in (
        Settings(model="google/flan-t5-small"), Settings(prefixes=("lora-kl",)),
        Settings(backend="http://127.0.0.1:1"), Settings(indexes=tmp_path),
    ):
        assert shipped.recorded(other) is None
    assert all("shown" not in e for e in head.data(None)["opening"]["examples"])
    assert head.data(None)["gains"] == []
