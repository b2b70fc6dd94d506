"""Keeps other libraries' chatter off a user's terminal: deprecations, progress bars, log lines.

Nothing happens at import: each program's main calls `settle()`, before libraries are loaded.
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
"""Each is read once, when its library is loaded."""


def settle() -> None:
    """Shows no warnings, and errors alone of other libraries' logs; this project's logs stay.

    What the environment already says stays, and so do warnings that were asked for with
    `python -W` or `PYTHONWARNINGS`. This project issues no warnings: what a user should know is an
    error, a log line or part of a result.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        # A filter would not do: some libraries put filters of their own in front of it.
        warnings.showwarning = _unshown
    logging.getLogger().setLevel(logging.ERROR)
    for ours in ("robustness", "server"):
        logging.getLogger(ours).setLevel(logging.WARNING)


def _unshown(*_: object, **__: object) -> None:
    """Stands for `warnings.showwarning`."""
