"""Serves the page and the API on one port; the page is shown while the model is loaded."""

import importlib.util
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robustness.cli.lazy_group import load
from robustness.errors import InputError, RobustnessError
from robustness.storage.folder_lock import FolderLock
from server import errors, fallbacks, library, logs
from server.access import Access
from server.body_limit import FORM, LimitBodies
from server.gate import PAGE_API, Gate, is_api, with_cors
from server.headers import AnswerHead
from server.hosts import local_path
from server.listening import listen
from server.login import Sessions, secret_of
from server.metrics import CountRequests, Metrics
from server.opening import Opened, Opening
from server.page import api, batch_api, head, manifest, reference, shipped
from server.page.layout import build_page
from server.page.look import THEME
from server.page.upload_types import UPLOAD, UploadTypes
from server.settings import Settings

if TYPE_CHECKING:
    from robustness.workbench import Workbench

_PARTS = ("libraries", "model", "index")
_RETRY = {"Retry-After": "5"}


def open_all(
    settings: Settings, opening: Opening, access: Access, held: FolderLock
) -> Opened:
    """Loads libraries, model and index, then builds the API.

    Args:
        settings: The server's settings.
        opening: Is told which part is loaded.
        access: The queues and counters, which the page shares.
        held: The lock of the folder of the jobs.

    Raises:
        RobustnessError: See `build_engine`.
    """
    with opening.loading("libraries"):
        build_engine = load("server.engines:build_engine")
        workbench_of = load("robustness.workbench:Workbench")
        create_app, jobs_of = load("server.application:create_app"), load("server.jobs:jobs_of")
    with opening.loading("model"):
        built = build_engine(settings)
    with opening.loading("index"):
        workbench: Workbench = workbench_of(built.engine, indexes=settings.indexes)
        _read_index(workbench)
    jobs = jobs_of(workbench, settings, held)
    api = create_app(
        workbench, settings, reason=built.reason, batch=jobs, withheld=built.withheld,
        access=access,
    )
    return Opened(built=built, workbench=workbench, jobs=jobs, api=api)


def _read_index(workbench: "Workbench") -> None:
    """Loads what predictions of the original model need now rather than at the first request."""
    try:
        workbench.catalog.judge()
    except RobustnessError:
        # A model without an index is served; the page and `/readyz` show that it has none.
        return


class Front:
    """Routes requests to the page or the API; until the model is loaded, the API replies 503."""

    def __init__(self, page: Any, opening: Opening, metrics: Metrics) -> None:
        """Serves nothing yet.

        Args:
            page: The page's ASGI application.
            opening: Loads the model.
            metrics: The counters, which can be read before the model is loaded.
        """
        self._page = page
        # Streams are not compressed, since a line that waits for others is late.
        self._compressed = GZipMiddleware(page)
        self._opening = opening
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._page(scope, self._closing(receive), send)
            return
        path = local_path(scope)
        if path == UPLOAD:
            await UploadTypes(self._page)(scope, receive, send)
        elif path in ("/", reference.PATH) or path.startswith("/page/static/"):
            await self._compressed(scope, receive, send)
        elif not is_api(path):
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

    def _away(self, path: str) -> Response:
        """The reply before the model is loaded: alive but not ready, and what is being loaded."""
        if path == "/healthz":
            return JSONResponse({"status": "ok"})
        if path == "/metrics":
            return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)
        state = self._opening.document()
        if path == "/readyz":
            return JSONResponse(state, 503, _RETRY)
        error = {
            "message": state["problem"], "type": "engine_error", "param": None,
            "code": "engine_unavailable",
        }
        return JSONResponse({"error": error}, 503, _RETRY)


def front(settings: Settings, opening: Opening, access: Access) -> ASGIApp:
    """One ASGI application of the page and the API."""
    served = None
    if settings.paraphraser_url is not None:
        served = library.llm_paraphraser.LlmParaphraser(
            url=settings.paraphraser_url, model=settings.paraphraser_model,
            key=settings.paraphraser_key,
        )
    if settings.mcp and importlib.util.find_spec("mcp") is None:
        raise InputError(
            "--mcp needs mcp, which is not installed; install it with: "
            "pip install -r requirements-mcp.txt, or pip install 'steadfast-nlp[mcp]'"
        )
    own = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(own)
    # Without a policy of its application, Gradio lets pages of every site read its replies.
    own.add_middleware(CORSMiddleware, allow_origins=())
    routers = (
        api.routes(opening, access, served),
        batch_api.routes(opening.jobs(), access, opening.workbench()),
        head.routes(shipped.recorded(settings)), reference.routes(), manifest.routes(),
    )
    for router in routers:
        own.include_router(router)
    fallbacks.install(own, routers, roots=(PAGE_API,))
    own.mount("/page/static", fallbacks.Files(directory=head.STATIC))
    page = gr.mount_gradio_app(
        own, build_page(opening, access, served), path="/",
        server_name=settings.host, server_port=settings.port, theme=THEME,
        footer_links=[], ssr_mode=False, show_error=False, root_path=settings.root_path or None,
        run_history=False, pwa=True, favicon_path=str(head.STATIC / "icon.png"),
        mcp_server=settings.mcp,
    )
    fallbacks.install_below(page)
    bounded = LimitBodies(
        page, largest=settings.largest_body,
        uploads=dict.fromkeys((UPLOAD, *batch_api.UPLOADS), settings.largest_upload + FORM),
    )
    guarded = Gate(Front(bounded, opening, access.metrics), access)
    sessions = Sessions(
        guarded, secret=secret_of(settings.jobs), path=settings.root_path,
        framed=bool(settings.allow_origins),
    )
    return CountRequests(AnswerHead(with_cors(sessions, access)), access.metrics)


def serve(settings: Settings, held: FolderLock) -> None:
    """Serves the page and the API until interrupted.

    Args:
        settings: The server's settings.
        held: The lock of the folder of the jobs.
    """
    logs.settle()
    access = Access(settings)
    opening = Opening(lambda made: open_all(settings, made, access, held), _PARTS)
    try:
        app = front(settings, opening, access)
        print(f"Steadfast is at {settings.url}", flush=True)
        opening.start()
        listen(app, settings)
    finally:
        opening.close()
