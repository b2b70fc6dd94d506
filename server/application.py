"""Builds the FastAPI application: routes, error replies, metrics and batch jobs of one workbench.

Does not build the page; `app.py` mounts it on this application.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from robustness import __version__
from robustness.models.engine import Withheld
from robustness.workbench import Workbench
from server import errors, fallbacks
from server.body_limit import LimitBodies
from server.jobs import Jobs
from server.metrics import CountRequests, Metrics
from server.routes import health, jobs, openai, responses, robustness
from server.settings import Settings
from server.wire.errors import ErrorReply

_FORM = 64 * 1024
"""Bytes that a form may add to the file that it holds."""


def create_app(
    workbench: Workbench, settings: Settings, *, reason: str = "", batch: Jobs | None = None,
    withheld: Sequence[Withheld] = (),
) -> FastAPI:
    """The API of one workbench. The caller closes the engine.

    Args:
        workbench: The engine with its indexes and predictors.
        settings: Give the folder of the jobs and the largest upload.
        reason: Why this engine was chosen; shown at `/readyz`.
        batch: The batch jobs, if the caller shares them; otherwise made from the settings.
        withheld: Models that were requested but that the engine cannot serve; shown there too.
    """
    scored = batch or Jobs(
        workbench, settings.jobs, patience=settings.patience, limits=settings.limits
    )
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        scored.close()

    app = FastAPI(
        title="Steadfast",
        version=__version__,
        lifespan=lifespan,
        # The interactive pages of FastAPI load scripts from a network that may not be there.
        docs_url=None,
        redoc_url=None,
        responses={
            "4XX": {"model": ErrorReply, "description": "The request is wrong."},
            "5XX": {"model": ErrorReply, "description": "The server cannot answer."},
        },
    )
    errors.install(app)
    app.add_middleware(
        LimitBodies, largest=settings.largest_body,
        uploads={jobs.PATH: settings.largest_upload + _FORM},
    )
    app.add_middleware(CountRequests, metrics=metrics)
    routers = (
        health.routes(workbench, metrics, scored, reason, withheld),
        openai.routes(workbench.engine, metrics),
        responses.routes(workbench.engine, metrics),
        robustness.routes(workbench, settings.limits),
        jobs.routes(scored, settings.largest_upload),
    )
    for router in routers:
        app.include_router(router)
    fallbacks.install(app, routers)
    return app
