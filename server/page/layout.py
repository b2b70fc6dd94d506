"""Lays out what Gradio gives to the page: the tables of *Findings*, and the tools of MCP.

The rest is drawn by the scripts in `static/`, which start Gradio when *Findings* is opened.
"""

from typing import TYPE_CHECKING

import gradio as gr

from server.access import Access
from server.opening import Opening
from server.page import findings_tab, shipped, tools

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser

_CACHE = (600, 3600)
"""Seconds between two checks for files of visitors that are old, and the age that is old."""


def build_page(
    opening: Opening, access: Access, paraphraser: "LlmParaphraser | None" = None
) -> gr.Blocks:
    """Builds Gradio's part of the page; it can be shown before the model is loaded.

    Args:
        opening: The model, which may still be loading.
        access: The server's queues and limits.
        paraphraser: A language model that also suggests rewordings.
    """
    with gr.Blocks(title="Steadfast", analytics_enabled=False, delete_cache=_CACHE) as page:
        findings_tab.build(opening.workbench(), page, shipped.folder_of(access.settings))
        if access.settings.mcp:
            tools.offer(opening.workbench(), access, paraphraser)
    page.queue(max_size=access.settings.waiting_page)
    return page
