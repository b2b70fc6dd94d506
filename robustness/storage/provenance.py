"""Collects the provenance of a saved file: command, commit, package versions, seed, hardware."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata

from robustness import __version__, paths
from robustness.types import Provenance

CHECKPOINT_FILE = "checkpoint.pt"
"""File of a training's folder until it ends, from which it goes on."""
TRAINING_FILE = "training.json"
"""File of a folder that a training wrote: its recipe, its result and its provenance."""
_PACKAGES = ("torch", "transformers", "peft", "faiss-cpu", "numpy", "scikit-learn")
_WRITTEN = ("assets/backbone", "assets/prefixes", "indexes")
"""Folders that the commands write; changes there do not make the source count as dirty."""
_SOURCES = (":/", *(f":(top,exclude){path}" for path in _WRITTEN))


def _git(*arguments: str) -> str:
    # An installed package may lie inside somebody else's repository.
    if paths.INSTALLED:
        return ""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def hardware() -> str:
    """Number of cores, architecture and operating system, e.g. `2 cores, x86_64, Linux`."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def collect(
    *, schema: int, seed: int | None = None, seconds: float | None = None, device: str = ""
) -> Provenance:
    """Provenance of a file that this process writes now.

    Args:
        schema: Number of the file's format.
        seed: Seed of the computation, where it has one.
        seconds: How long it took.
        device: Name of the device; empty: the processor is described.
    """
    return Provenance(
        schema=schema,
        command=" ".join(["python -m robustness", *sys.argv[1:]]),
        project_version=__version__,
        commit=_git("rev-parse", "HEAD"),
        dirty=bool(_git("status", "--porcelain", "--untracked-files=no", "--", *_SOURCES)),
        versions={"python": platform.python_version()} | {p: _version(p) for p in _PACKAGES},
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=None if seconds is None else round(seconds, 1),
        hardware=device or hardware(),
    )
