"""How a model is loaded, beside its name: revision, device, number type, what it may run.

Refuses to load anything.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from transformers.utils import cached_file

from robustness.errors import InputError

AUTO = "auto"
_COMMIT = re.compile(r"snapshots/([0-9a-f]{40})/")


class Dtype(StrEnum):
    """What `--dtype` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What a user says about loading a model."""

    revision: str | None = None
    """The hub's branch, tag or commit; None: its main branch. A folder has none."""
    device: str = AUTO
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`..."""
    dtype: str = Dtype.AUTO
    """One of `Dtype`."""
    allow_pickle: bool = False
    """Whether weights may come from pickled files, which can run code when they are read."""
    trust_remote_code: bool = False
    """Whether Python code that lies beside the weights may run."""

    def options(self) -> dict[str, Any]:
        """What every `from_pretrained` is told."""
        # Left out, transformers asks on the terminal whether remote code may run.
        told: dict[str, Any] = {"trust_remote_code": self.trust_remote_code}
        return told | ({"revision": self.revision} if self.revision else {})


PLAIN = Loading()
"""Nothing was asked for."""


def pinned(model: str | Path, loading: Loading) -> Loading:
    """The same with the hub's commit as its revision, so that all files come from one.

    Args:
        model: A folder or hub name; a folder stays without revision.
        loading: What was asked for.

    Raises:
        InputError: A revision of a folder was asked for.
        OSError: The hub cannot be reached, or has no such model.
    """
    if Path(model).is_dir():
        if loading.revision:
            raise InputError(
                f"--revision {loading.revision}: {model} is a folder, and only models of a hub "
                "have revisions; leave it out"
            )
        return loading
    # transformers' configurations no longer say which commit they came from; the cache's paths do.
    found = cached_file(str(model), "config.json", revision=loading.revision)
    commit = _COMMIT.search(Path(found or "").as_posix())
    return replace(loading, revision=commit[1]) if commit else loading


def pick_device(device: str) -> torch.device:
    """`auto` is an NVIDIA GPU where there is one, else Apple's, else the CPU.

    Raises:
        InputError: It is no device, or is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == AUTO:
        return torch.device(next((name for name, there in present.items() if there), "cpu"))
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise InputError(
            f"--device {device!r} is no device; take auto, cpu, cuda or mps"
        ) from error
    if not present.get(picked.type, True):
        raise InputError(f"--device {device}: there is none here; take auto or cpu")
    return picked


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 on an NVIDIA GPU that computes in it, else float32.

    Products in bfloat16 reach 1% of float32's rate on a CPU; T5 overflows in float16.

    Raises:
        InputError: It is none of `Dtype`.
    """
    if dtype not in list(Dtype):
        raise InputError(f"--dtype {dtype!r} is unknown; choose {', '.join(Dtype)}")
    if dtype != Dtype.AUTO:
        named: torch.dtype = getattr(torch, dtype)
        return named
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if able else torch.float32
