"""One FastAPI application over one workbench.

Refuses to know the page, which `app.py` mounts on it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from robustness import __version__
from robustness.models.engine import Withheld
from robustness.workbench import Workbench
from server import errors, fallbacks
from server.jobs import Jobs
from server.metrics import CountRequests, Metrics
from server.routes import health, jobs, openai, robustness
from server.settings import Settings


def create_app(
    workbench: Workbench, settings: Settings, *, reason: str = "", batch: Jobs | None = None,
    withheld: Sequence[Withheld] = (),
) -> FastAPI:
    """The API. The engine stays its maker's to close.

    Args:
        workbench: What answers.
        settings: Where jobs lie and how large an upload may be.
        reason: Why the engine was taken, shown at `/readyz`.
        batch: The jobs, where the caller shares them; made from the settings otherwise.
        withheld: Models that were asked for and that the engine cannot serve, shown there too.
    """
    scored = batch or Jobs(workbench, settings.jobs, patience=settings.patience)
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
    )
    errors.install(app)
    app.add_middleware(CountRequests, metrics=metrics)
    routers = (
        health.routes(workbench, metrics, scored, reason, withheld),
        openai.routes(workbench.engine, metrics),
        robustness.routes(workbench),
        jobs.routes(scored, settings.largest_upload),
    )
    for router in routers:
        app.include_router(router)
    fallbacks.install(app, routers)
    return app
