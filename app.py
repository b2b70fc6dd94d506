"""The page and the API on one port: `python app.py [--model M] [--prefix P] [--port P] ...`.

The same as `steadfast demo`; `python app.py --help` has all options.
"""

from collections.abc import Sequence

from robustness import garbage, quiet, threads
from server import commands, options


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until interrupted."""
    # Before gradio, torch and the others are loaded, which read these settings once.
    garbage.settle()
    threads.settle()
    quiet.settle()
    options.run(commands.demo, arguments, prog="python app.py")


if __name__ == "__main__":
    main()
