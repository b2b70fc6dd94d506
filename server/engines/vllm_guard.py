"""Runs vLLM in this process's place, so that it ends when the server that started it does.

`python vllm_guard.py PARENT PROGRAM ARGUMENT...`
"""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1


def main() -> None:
    """Asks the kernel for a signal at the parent's death, then becomes vLLM."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the server has ended")
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
