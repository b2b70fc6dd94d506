"""Makes idle OpenMP threads sleep, because spinning ones slow a busy machine down.

Nothing happens at import: each program calls `settle()` before it loads torch.
"""

import os

_GENTLE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}


def settle() -> None:
    """Sets the OpenMP variables for sleeping threads, where the environment does not set them."""
    for name, value in _GENTLE.items():
        os.environ.setdefault(name, value)
