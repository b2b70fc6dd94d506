"""Lays out the page's tabs, and fills them once the model is loaded."""

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from robustness.markup import in_markdown
from server.access import Access
from server.opening import Opened, Opening
from server.page import about_tab, findings_tab
from server.page.batch_tab import BatchTab
from server.page.try_tab import TryTab

if TYPE_CHECKING:
    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
    from robustness.workbench import Workbench

_CACHE = (600, 3600)
"""Seconds between two checks for files of visitors that are old, and the age that is old."""
_SECONDS = 0.5
"""Seconds between two checks whether the model is loaded."""


def _state(opening: Opening) -> str:
    """What is being loaded, or why it could not be, as a line of HTML."""
    made = opening.document()
    if not made["loading"]:
        return f'<div class="sf-loading sf-failed" role="alert">{escape(made["problem"])}</div>'
    done = f" Loaded: {', '.join(made['loaded'])}." if made["loaded"] else ""
    return (
        '<div class="sf-loading" role="status">Loading the model… The page works as soon as it is '
        f"there.{escape(done)} Still loading: {escape(', '.join(made['loading']))}.</div>"
    )


def _footer(opened: Opened) -> str:
    bench, built = opened.workbench, opened.built
    return in_markdown(
        f"Engine: {built.engine.name} ({built.reason}). Models: "
        f"{', '.join([bench.original, *bench.aligned])}."
        + "".join(f" Not on this engine: {left.id} ({left.reason})." for left in built.withheld)
        + slower(bench)
    )


def slower(workbench: "Workbench") -> str:
    """Text of the footer on models without the fastest scorer, grouped by the reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for info in workbench.engine.models():
        if info.slower is not None:
            told.setdefault((str(info.scorer), info.slower), []).append(info.id)
    return "".join(
        f" Scored more slowly ({scorer}): {', '.join(ids)} ({reason})."
        for (scorer, reason), ids in told.items()
    )


def build_page(
    opening: Opening, access: Access, paraphraser: "LlmParaphraser | None" = None
) -> gr.Blocks:
    """Builds the page with its tabs; it can be shown before the model is loaded."""
    workbench, jobs = opening.workbench(), opening.jobs()
    with gr.Blocks(title="Steadfast", analytics_enabled=False, delete_cache=_CACHE) as page:
        gr.Markdown(
            "# Steadfast\nHow much does a model depend on the way an instruction is phrased?"
        )
        state = gr.HTML(_state(opening), elem_id="loading", visible=not opening.ready)
        trying = TryTab(workbench, paraphraser, access)
        batch = BatchTab(jobs, access)
        with gr.Tab("Try", id="try"):
            trying.build()
        with gr.Tab("Batch", id="batch"):
            batch.build(page)
        with gr.Tab("Findings", id="findings") as findings:
            own = findings_tab.build(workbench, findings)
        with gr.Tab("About", id="about"):
            about = about_tab.build(workbench)
        footer = gr.Markdown("Engine: being loaded.", elem_id="footer")
        timer = gr.Timer(_SECONDS)
        outputs = [timer, state, footer, *trying.late, *own, *about]

        def look() -> tuple[Any, ...]:
            """The values of all that depends on the model; until it is loaded, the progress."""
            if not opening.ready:
                failed = opening.problem is not None
                rest = [gr.skip()] * (len(outputs) - 2)
                return (gr.Timer(active=not failed), _state(opening), *rest)
            return (
                gr.Timer(active=False), gr.update(visible=False), _footer(opening.opened()),
                *trying.loaded(), *findings_tab.loaded(workbench), *about_tab.loaded(workbench),
            )

        for event in (page.load, timer.tick):
            event(look, None, outputs, show_progress="hidden", api_visibility="private")
        # Set by `look` once in a visit, so that a text that was typed meanwhile is predicted.
        trying.on_load(page)
        footer.change(*batch.take_up, show_progress="hidden", api_visibility="private")
    page.queue(max_size=access.settings.waiting_page)
    return page
