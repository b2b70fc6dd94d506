"""`python -m server`: reads the settings, builds the engine and serves the API without the page.

For the API with the page see `app.py`; for the endpoints see `routes/`.
"""

import os
import sys
from collections.abc import Sequence

from robustness import threads

# Both are read when torch and the hub's client are loaded.
threads.settle()
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import uvicorn  # noqa: E402

from robustness.errors import RobustnessError  # noqa: E402
from robustness.workbench import Workbench  # noqa: E402
from server import logs  # noqa: E402
from server.application import GRACE_SECONDS, create_app  # noqa: E402
from server.engines import build_engine  # noqa: E402
from server.settings import settings_from  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the API until interrupted."""
    logs.settle()
    settings = settings_from(arguments)
    built = build_engine(settings)
    try:
        workbench = Workbench(built.engine, indexes=settings.indexes)
        app = create_app(workbench, settings, reason=built.reason)
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_level="info",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        built.engine.close()


if __name__ == "__main__":
    try:
        main()
    except RobustnessError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
