"""Opens a workbench of another Steadfast server.

Does not load models; see `open.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from robustness.errors import InputError
from robustness.models.remote_engine import RemoteEngine
from robustness.workbench import Workbench


def served_at(urls: Sequence[str], indexes: Path, key: str = "") -> Workbench:
    """A workbench of another Steadfast server and the indexes saved here."""
    if len(urls) > 1:
        raise InputError(f"--engine-url was given {len(urls)} times; only --ray takes several")
    return Workbench(RemoteEngine(urls[0], key), indexes=indexes, task_files=True)
