"""Entry point of `python -m robustness`: sets the thread variables, then runs the command line."""

import importlib

from robustness import threads


def main() -> None:
    """Runs the command line."""
    threads.settle()
    # Imported only now: torch reads the thread settings once, when it is loaded.
    importlib.import_module("robustness.cli").main()


if __name__ == "__main__":
    main()
