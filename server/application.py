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
from server.access import Access
from server.body_limit import FORM, LimitBodies
from server.gate import Gate, with_cors
from server.headers import AnswerHead
from server.jobs import Jobs, jobs_of
from server.metrics import CountRequests
from server.page import reference
from server.routes import health, jobs, openai, responses, robustness
from server.settings import Settings
from server.wire.errors import ErrorReply


def create_app(
    workbench: Workbench, settings: Settings, *, reason: str = "", batch: Jobs | None = None,
    withheld: Sequence[Withheld] = (), access: Access | None = None,
) -> FastAPI:
    """The API of one workbench. The caller closes the engine.

    Args:
        workbench: The engine with its indexes and predictors.
        settings: Give the folder of the jobs and the largest upload.
        reason: Why this engine was chosen; shown at `/readyz`.
        batch: The batch jobs, if the caller shares them; otherwise made from the settings.
        withheld: Models that were requested but that the engine cannot serve; shown there too.
        access: The keys, queues and counters of a caller that guards the application itself.
    """
    scored = batch or jobs_of(workbench, settings)
    guarded = access is not None
    access = access or Access(settings)
    access.metrics.watch_jobs(scored)

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
        uploads={jobs.PATH: settings.largest_upload + FORM},
    )
    if not guarded:
        app.add_middleware(Gate, access=access)
        app.add_middleware(with_cors, access=access)
        app.add_middleware(AnswerHead)
        app.add_middleware(CountRequests, metrics=access.metrics)
    routers = [
        health.routes(workbench, access.metrics, scored, reason, withheld),
        openai.routes(workbench.engine, access.metrics, access),
        responses.routes(workbench.engine, access.metrics, access),
        robustness.routes(workbench, access),
        jobs.routes(scored, access),
    ]
    if not guarded:
        routers.append(reference.routes())
    for router in routers:
        app.include_router(router)
    fallbacks.install(app, routers, roots=("/v1", "/robustness"))
    return app
