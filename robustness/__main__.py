"""Entry point of `python -m robustness`: sets the thread variables, then runs the command line."""

import importlib
import sys

from robustness import threads

_EXTRAS = {"nltk": "train", "rouge_score": "train"}
"""The extra that brings a library which not everybody installs."""


def main() -> None:
    """Runs the command line."""
    threads.settle()
    # Imported only now: torch reads the thread settings once, when it is loaded.
    try:
        importlib.import_module("robustness.cli").main()
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        print(
            f"error: this command needs {library}, which is not installed; install it with: "
            f"pip install 'steadfast-nlp[{_EXTRAS[library]}]'",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
