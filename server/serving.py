"""Loads the engine, then serves the API without the page."""

from robustness.storage.folder_lock import FolderLock
from robustness.workbench import Workbench
from server import logs
from server.application import create_app
from server.engines import build_engine
from server.jobs import jobs_of
from server.listening import listen
from server.settings import Settings


def serve(settings: Settings, held: FolderLock) -> None:
    """Serves the API until interrupted.

    Args:
        settings: The server's settings.
        held: The lock of the folder of the jobs.
    """
    logs.settle()
    built = build_engine(settings)
    try:
        workbench = Workbench(built.engine, indexes=settings.indexes)
        app = create_app(
            workbench, settings, reason=built.reason, withheld=built.withheld,
            batch=jobs_of(workbench, settings, held),
        )
        print(f"Steadfast's API is at {settings.url}", flush=True)
        listen(app, settings)
    finally:
        built.engine.close()
