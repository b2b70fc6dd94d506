"""Lays out the page's tabs. What they show is drawn by the scripts in `static/`.

Gradio gives the tabs, the words of their titles, the tables of *Findings*, and the tools of its MCP
server; the cards ask the endpoints of `api.py` by themselves.
"""

from typing import TYPE_CHECKING, Any

import gradio as gr

from server.access import Access
from server.opening import Opening
from server.page import findings_tab, head, tools

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser

_MOUNTED = "document.dispatchEvent(new Event('steadfast:mounted'))"
_TABS = ("try", "batch", "findings", "about")
_CACHE = (600, 3600)
"""Seconds between two checks for files of visitors that are old, and the age that is old."""


def _place(name: str) -> Any:
    """An element that the scripts fill when it is there."""
    return gr.HTML(
        f'<div id="sf-{name}"></div>', js_on_load=_MOUNTED, padding=False,
        apply_default_css=False,
    )


def translations() -> gr.I18n:
    """The titles of the tabs in each language."""
    tables = {
        language: {f"tab.{tab}": head.words(language)[f"tab.{tab}"] for tab in _TABS}
        for language in head.LANGUAGES
    }
    return gr.I18n(**tables)


def build_page(
    opening: Opening, access: Access, paraphraser: "LlmParaphraser | None" = None
) -> gr.Blocks:
    """Builds the page with its tabs; it can be shown before the model is loaded.

    Args:
        opening: The model, which may still be loading.
        access: The server's queues and limits.
        paraphraser: A language model that also suggests rewordings.
    """
    named = translations()
    with gr.Blocks(title="Steadfast", analytics_enabled=False, delete_cache=_CACHE) as page:
        _place("top")
        with gr.Tabs(elem_id="sf-tabs"):
            with gr.Tab(named("tab.try"), id="try"):
                _place("try")
            with gr.Tab(named("tab.batch"), id="batch"):
                _place("batch")
            with gr.Tab(named("tab.findings"), id="findings") as findings:
                _place("findings")
                findings_tab.build(opening.workbench(), findings)
            with gr.Tab(named("tab.about"), id="about"):
                _place("about")
        if access.settings.mcp:
            tools.offer(opening.workbench(), access, paraphraser)
    page.queue(max_size=access.settings.waiting_page)
    return page
