"""Loads the engine, then serves the API without the page."""

from robustness.workbench import Workbench
from server import logs
from server.application import create_app
from server.engines import build_engine
from server.listening import listen
from server.settings import Settings


def serve(settings: Settings) -> None:
    """Serves the API until interrupted."""
    logs.settle()
    built = build_engine(settings)
    try:
        workbench = Workbench(built.engine, indexes=settings.indexes)
        app = create_app(workbench, settings, reason=built.reason, withheld=built.withheld)
        print(f"Steadfast's API is at {settings.url}", flush=True)
        listen(app, settings)
    finally:
        built.engine.close()
