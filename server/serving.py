"""Loads the engine, then serves the API without the page."""

import uvicorn

from robustness.workbench import Workbench
from server import logs
from server.application import create_app
from server.engines import build_engine
from server.settings import GRACE_SECONDS, Settings


def serve(settings: Settings) -> None:
    """Serves the API until interrupted."""
    logs.settle()
    built = build_engine(settings)
    try:
        workbench = Workbench(built.engine, indexes=settings.indexes)
        app = create_app(workbench, settings, reason=built.reason, withheld=built.withheld)
        print(f"Steadfast's API is at http://{settings.host}:{settings.port}", flush=True)
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        built.engine.close()
