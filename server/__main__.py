"""`python -m server`: arguments -> Settings -> serve.

Refuses to know the endpoints.
"""

import sys
from collections.abc import Sequence

import uvicorn

from robustness import threads


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the API until interrupted."""
    settings = settings_from(arguments)
    built = build_engine(settings)
    workbench = Workbench(built.engine, indexes=settings.indexes)
    app = create_app(workbench, settings, reason=built.reason)
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="info")


threads.settle()
from robustness.errors import RobustnessError  # noqa: E402 - torch reads the settings when it loads
from robustness.workbench import Workbench  # noqa: E402
from server.application import create_app  # noqa: E402
from server.engines import build_engine  # noqa: E402
from server.settings import settings_from  # noqa: E402

if __name__ == "__main__":
    try:
        main()
    except RobustnessError as problem:
        sys.exit(f"error: {problem}")
