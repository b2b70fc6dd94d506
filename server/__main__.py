"""`python -m server`: serves the API without the page.

For the API with the page see `app.py`; for the endpoints see `routes/`.
"""

from collections.abc import Sequence

from robustness import garbage, quiet, threads
from server import commands, options


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves the API until interrupted."""
    # Before torch and the others are loaded, which read these settings once.
    garbage.settle()
    threads.settle()
    quiet.settle()
    options.run(commands.serve, arguments, prog="python -m server")


if __name__ == "__main__":
    main()
