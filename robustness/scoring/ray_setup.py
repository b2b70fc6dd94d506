"""Settings of the workers of a Ray cluster, and the import of Ray, which is optional."""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from robustness.errors import InputError
from robustness.models.load_options import PLAIN, Loading, PromptFormat

LOCAL = "local"
_ADDRESSES = ("auto", LOCAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The model and index of each worker; paths must be the same on every machine."""

    model: str
    """Folder of a transformers model, or its name on the hub."""
    prefixes: Mapping[str, Path]
    indexes: Path
    prompt_format: str = PromptFormat.NONE
    loading: Loading = PLAIN
    engine_urls: tuple[str, ...] = ()
    """URLs of Steadfast servers that run the model instead; assigned to the workers in turn."""
    engine_key: str = field(default="", repr=False)
    """Key of those servers."""


def ray_cluster() -> ModuleType:
    """`robustness.scoring.ray_scoring`, with Ray's telemetry off.

    Raises:
        InputError: Ray is not installed.
    """
    # Ray reads this variable when it is imported, and its workers inherit it.
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
    """Command-line arguments in which a `--ray` without an address gets the address `local`."""
    made = list(arguments)
    for place in reversed([n for n, a in enumerate(made) if a == "--ray"]):
        following = made[place + 1] if place + 1 < len(made) else ""
        if following not in _ADDRESSES and ":" not in following:
            made.insert(place + 1, LOCAL)
    return made
