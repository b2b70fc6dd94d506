"""Silences other libraries' output: deprecation warnings, progress bars, log messages.

The main function of each program calls `settle` before libraries are imported.
"""

import logging
import os
import sys
import warnings

_SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Environment variables, which the libraries read when they are imported."""


def settle() -> None:
    """Hides warnings, and other libraries' log messages below errors.

    Variables that the environment has already are kept, and so are warnings that `python -W` or
    `PYTHONWARNINGS` asks for. This project issues no warnings: what a user should know is an error,
    a log message or part of a result.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        # Not a filter, since some libraries add their filters before it.
        warnings.showwarning = _unshown
    logging.getLogger().setLevel(logging.ERROR)
    for ours in ("robustness", "server"):
        logging.getLogger(ours).setLevel(logging.WARNING)


def _unshown(*_: object, **__: object) -> None:
    """Replaces `warnings.showwarning` and shows nothing."""
