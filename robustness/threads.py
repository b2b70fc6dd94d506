"""Makes threads gentle: idle ones sleep, and what they free is shared.

Spinning OpenMP threads slow a busy machine down. glibc keeps what threads free in up to eight
places a core, which a server's many short threads fill: with two it holds a tenth less after the
same predictions (benchmarks/README.md). Nothing happens at import: each program calls `settle()`
before it loads torch.
"""

import ctypes
import os

_GENTLE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}
_ARENAS = "MALLOC_ARENA_MAX"
"""The variable by which glibc is told how many places there are."""
_M_ARENA_MAX = -8
"""The same of `mallopt`, for a process that runs already."""


def settle() -> None:
    """Sets what the environment does not set: sleeping OpenMP threads, two places of freed memory.

    Another C library than glibc has no such places.
    """
    for name, value in _GENTLE.items():
        os.environ.setdefault(name, value)
    if _ARENAS not in os.environ and hasattr(ctypes.CDLL(None), "mallopt"):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
