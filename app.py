"""The page and the API on one port: layout and wiring only.

`python app.py [--model M] [--prefix P] [--engine E] [--prompt-format F] [--backend URL] [--port P]`
"""

import os
import sys
from collections.abc import Sequence

from robustness import threads

threads.settle()
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Gradio reads it once, when it is loaded.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import FastAPI  # noqa: E402

from robustness.errors import RobustnessError  # noqa: E402
from robustness.models.engine import Withheld  # noqa: E402
from robustness.paraphrasing.llm_paraphraser import LlmParaphraser  # noqa: E402
from robustness.workbench import Workbench  # noqa: E402
from server import logs  # noqa: E402
from server.application import GRACE_SECONDS, create_app  # noqa: E402
from server.engines import Built, build_engine  # noqa: E402
from server.jobs import Jobs  # noqa: E402
from server.page import about_tab, findings_tab  # noqa: E402
from server.page.batch_tab import BatchTab  # noqa: E402
from server.page.look import STYLE, THEME  # noqa: E402
from server.page.try_tab import TryTab  # noqa: E402
from server.settings import Settings, settings_from  # noqa: E402


def slower(workbench: Workbench) -> str:
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
    workbench: Workbench, jobs: Jobs, reason: str, paraphraser: LlmParaphraser | None = None,
    withheld: Sequence[Withheld] = (),
) -> gr.Blocks:
    """Builds the page with its tabs."""
    with gr.Blocks(title="Steadfast", analytics_enabled=False) as page:
        gr.Markdown(
            "# Steadfast\nHow much does a model depend on the way an instruction is phrased?"
        )
        trying = TryTab(workbench, paraphraser)
        with gr.Tab("Try", id="try"):
            trying.build()
        with gr.Tab("Batch", id="batch"):
            BatchTab(workbench, jobs).build(page)
        with gr.Tab("Findings", id="findings") as findings:
            findings_tab.build(workbench, findings)
        with gr.Tab("About", id="about"):
            about_tab.build(workbench)
        gr.Markdown(
            f"Engine: {workbench.engine.name} ({reason}). Models: "
            f"{', '.join([workbench.original, *workbench.aligned])}."
            + "".join(f" Not on this engine: {left.id} ({left.reason})." for left in withheld)
            + slower(workbench),
            elem_id="footer",
        )
        trying.on_load(page)
    return page


def build_app(settings: Settings, built: Built) -> FastAPI:
    """Builds one application of the page and the API. The caller closes the engine."""
    workbench = Workbench(built.engine, indexes=settings.indexes)
    jobs = Jobs(workbench, settings.jobs, patience=settings.patience)
    api = create_app(workbench, settings, reason=built.reason, batch=jobs, withheld=built.withheld)
    served = None
    if settings.paraphraser_url is not None:
        served = LlmParaphraser(
            url=settings.paraphraser_url, model=settings.paraphraser_model,
            key=settings.paraphraser_key,
        )
    page = build_page(workbench, jobs, built.reason, served, built.withheld)
    return gr.mount_gradio_app(
        api, page, path="/", server_name=settings.host, server_port=settings.port, theme=THEME,
        css_paths=STYLE, footer_links=[], ssr_mode=False, show_error=True,
        allowed_paths=[str(settings.jobs.resolve()), str(BatchTab.template_folder())],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the page and the API until interrupted."""
    logs.settle()
    settings = settings_from(arguments, prog="python app.py")
    built = build_engine(settings)
    try:
        app = build_app(settings, built)
        print(f"Steadfast is at http://{settings.host}:{settings.port}", flush=True)
        uvicorn.run(
            app, host=settings.host, port=settings.port, log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        built.engine.close()


if __name__ == "__main__":
    try:
        main()
    except RobustnessError as problem:
        sys.exit(f"error: {problem}")
