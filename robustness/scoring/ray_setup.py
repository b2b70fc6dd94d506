"""What the workers of a cluster load, and the one place from which Ray is reached.

Refuses to need Ray until somebody asks for it.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from robustness.errors import InputError
from robustness.models import chat_formats
from robustness.models.load_options import PLAIN, Loading

LOCAL = "local"
_ADDRESSES = ("auto", LOCAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What each worker loads; paths must be the same on every machine."""

    model: str
    """A folder with a transformers model, or a hub name."""
    prefixes: Mapping[str, Path]
    indexes: Path
    prompt_format: str = chat_formats.NONE
    loading: Loading = PLAIN
    engine_urls: tuple[str, ...] = ()
    """Steadfast servers that run the model instead, dealt to the workers in turn."""


def ray_cluster() -> ModuleType:
    """`robustness.scoring.ray_scoring`, with Ray's telemetry off.

    Raises:
        InputError: Ray is not installed.
    """
    # Ray reads it when it is loaded, and its workers inherit it.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        return importlib.import_module("robustness.scoring.ray_scoring")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise InputError(
            "--ray needs Ray, which is not installed; install it with: "
            "pip install -r requirements-ray.txt, or pip install 'steadfast-nlp[ray]'"
        ) from None


def with_address(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments in which a bare `--ray` has the address `local` behind it."""
    made = list(arguments)
    for place in reversed([n for n, a in enumerate(made) if a == "--ray"]):
        following = made[place + 1] if place + 1 < len(made) else ""
        if following not in _ADDRESSES and ":" not in following:
            made.insert(place + 1, LOCAL)
    return made
