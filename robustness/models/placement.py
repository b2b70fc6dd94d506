"""Chooses where a model is loaded: the commit on the hub, the device, the number type."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from transformers.utils import cached_file

from robustness.errors import InputError
from robustness.models.load_options import AUTO, Dtype, Loading

_COMMIT = re.compile(r"snapshots/([0-9a-f]{40})/")


def pinned(model: str | Path, loading: Loading) -> Loading:
    """The options with the commit on the hub as revision, so that all files are of one commit.

    Args:
        model: A folder (which has no revision) or a name on the hub.
        loading: The options.

    Raises:
        InputError: A revision was given for a folder.
        OSError: The hub cannot be reached, or has no such model.
    """
    if Path(model).is_dir():
        if loading.revision:
            raise InputError(
                f"--revision {loading.revision}: {model} is a folder, and only models on the hub "
                "have revisions; leave it out"
            )
        return loading
    # Configurations of transformers 5 do not hold the commit; the path in the cache does.
    found = cached_file(str(model), "config.json", revision=loading.revision)
    commit = _COMMIT.search(Path(found or "").as_posix())
    return replace(loading, revision=commit[1]) if commit else loading


def pick_device(device: str) -> torch.device:
    """The device of a name; `auto` is an NVIDIA GPU if there is one, else Apple's, else the CPU.

    Raises:
        InputError: The name is not a device, or this machine does not have it.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == AUTO:
        return torch.device(next((name for name, there in present.items() if there), "cpu"))
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise InputError(
            f"--device {device!r} is not a device; use auto, cpu, cuda or mps"
        ) from error
    if not present.get(picked.type, True):
        raise InputError(f"--device {device}: this machine has none; use auto or cpu")
    return picked


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The number type of a name; `auto` is bfloat16 on an NVIDIA GPU with support, else float32.

    On a CPU without instructions for it, matrix products in bfloat16 reach 1% of the speed of
    float32, and with them (AMX) answers change (benchmarks/README.md); T5 overflows in float16.

    Raises:
        InputError: The name is not one of `Dtype`.
    """
    if dtype not in list(Dtype):
        raise InputError(f"--dtype {dtype!r} is unknown; choose {', '.join(Dtype)}")
    if dtype != Dtype.AUTO:
        named: torch.dtype = getattr(torch, dtype)
        return named
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if able else torch.float32
