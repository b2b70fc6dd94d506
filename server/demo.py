"""Serves the page and the API on one port; the page is shown while the model is loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from robustness.cli.lazy_group import load
from robustness.errors import RobustnessError
from server import library, logs
from server.opening import Opened, Opening
from server.page.batch_tab import BatchTab
from server.page.layout import build_page
from server.page.look import STYLE, THEME
from server.settings import GRACE_SECONDS, Settings

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_PARTS = ("libraries", "model", "index")
_API = ("/v1", "/robustness", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""First parts of the API's paths; every other path is the page's."""
_RETRY = {"Retry-After": "5"}


def open_all(settings: Settings, opening: Opening) -> Opened:
    """Loads libraries, model and index, then builds the API.

    Raises:
        RobustnessError: See `build_engine`.
    """
    with opening.loading("libraries"):
        build_engine = load("server.engines:build_engine")
        workbench_of = load("robustness.workbench:Workbench")
        create_app, jobs_of = load("server.application:create_app"), load("server.jobs:Jobs")
    with opening.loading("model"):
        built = build_engine(settings)
    with opening.loading("index"):
        workbench: Workbench = workbench_of(built.engine, indexes=settings.indexes)
        _read_index(workbench)
    jobs = jobs_of(
        workbench, settings.jobs, patience=settings.patience, limits=settings.limits
    )
    api = create_app(
        workbench, settings, reason=built.reason, batch=jobs, withheld=built.withheld
    )
    return Opened(built=built, workbench=workbench, jobs=jobs, api=api)


def _read_index(workbench: "Workbench") -> None:
    """Loads the original model's index now rather than at the first request."""
    try:
        workbench.calibration()
    except RobustnessError:
        # A model without an index is served; the page and `/readyz` show that it has none.
        return


class Front:
    """Routes requests to the page or the API; until the model is loaded, the API replies 503."""

    def __init__(self, page: Any, opening: Opening) -> None:
        """Serves nothing yet.

        Args:
            page: The page's ASGI application.
            opening: Loads the model.
        """
        self._page = page
        self._opening = opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._page(scope, self._closing(receive), send)
            return
        path = scope["path"]
        if not any(path == root or path.startswith(f"{root}/") for root in _API):
            await self._page(scope, receive, send)
        elif self._opening.ready:
            await self._opening.opened().api(scope, receive, send)
        else:
            await self._away(path)(scope, receive, send)

    def _closing(self, receive: Receive) -> Receive:
        """Wraps the server's messages; the one that ends the server closes what was loaded."""

        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await run_in_threadpool(self._opening.close)
            return message

        return received

    def _away(self, path: str) -> JSONResponse:
        """The reply before the model is loaded: alive but not ready, and what is being loaded."""
        if path == "/healthz":
            return JSONResponse({"status": "ok"})
        state = self._opening.document()
        if path == "/readyz":
            return JSONResponse(state, 503, _RETRY)
        error = {
            "message": state["problem"], "type": "engine_error", "param": None,
            "code": "engine_unavailable",
        }
        return JSONResponse({"error": error}, 503, _RETRY)


def front(settings: Settings, opening: Opening) -> Front:
    """One ASGI application of the page and the API."""
    served = None
    if settings.paraphraser_url is not None:
        served = library.llm_paraphraser.LlmParaphraser(
            url=settings.paraphraser_url, model=settings.paraphraser_model,
            key=settings.paraphraser_key,
        )
    page = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None), build_page(opening, served), path="/",
        server_name=settings.host, server_port=settings.port, theme=THEME, css_paths=STYLE,
        footer_links=[], ssr_mode=False, show_error=False,
        allowed_paths=[str(Path(settings.jobs).resolve()), str(BatchTab.template_folder())],
    )
    return Front(page, opening)


def serve(settings: Settings) -> None:
    """Serves the page and the API until interrupted."""
    logs.settle()
    opening = Opening(lambda made: open_all(settings, made), _PARTS)
    try:
        app = front(settings, opening)
        print(f"Steadfast is at http://{settings.host}:{settings.port}", flush=True)
        opening.start()
        uvicorn.run(
            app, host=settings.host, port=settings.port, log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        opening.close()
