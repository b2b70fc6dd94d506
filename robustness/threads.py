"""Keeps OpenMP threads from spinning against each other on a busy machine.

Refuses to act at import: each main calls `settle()` before torch is loaded.
"""

import os

_GENTLE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}


def settle() -> None:
    """Makes waiting threads sleep, unless the environment already says otherwise."""
    for name, value in _GENTLE.items():
        os.environ.setdefault(name, value)
