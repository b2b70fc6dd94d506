"""A lock on a model that several callers share, which also switches LoRA adapters.

Does not load adapters; see `adapters` and `peft_lora`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch


class Switch(Protocol):
    """Switches one LoRA adapter of a model on and off."""

    def on(self) -> None:
        """Activates this adapter and no other."""
        ...

    def off(self) -> None:
        """Deactivates all adapters."""
        ...


class Turns:
    """The lock of a model, and the adapter that is active in it.

    An adapter stays active after its turn until a caller needs another, since consecutive turns
    mostly belong to the same caller and switching visits all layers.
    """

    def __init__(self) -> None:
        """Starts with all adapters off."""
        self._lock = threading.Lock()
        self._active: Switch | None = None

    @contextmanager
    def taken(self, lora: Switch | None) -> Iterator[None]:
        """Holds the lock with an adapter active, or with none; nothing else runs meanwhile."""
        with self._lock, torch.inference_mode():
            if lora is not self._active:
                if lora is not None:
                    lora.on()
                elif self._active is not None:
                    self._active.off()
                self._active = lora
            yield
