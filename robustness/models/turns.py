"""Turns on a model that several callers share, each with its own LoRA adapter or with none.

Does not load adapters; see `adapters.py` and `peft_lora.py`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch


class Switch(Protocol):
    """Switches one LoRA adapter of a model on and off."""

    def on(self) -> None:
        """The model with this adapter and no other."""
        ...

    def off(self) -> None:
        """The model without any."""
        ...


class Turns:
    """The lock of a model, and the adapter that is switched on in it.

    An adapter stays on after its turn until somebody else takes one, since consecutive turns are
    mostly the same caller's and switching passes over all layers.
    """

    def __init__(self) -> None:
        """A model on which every adapter is off."""
        self._lock = threading.Lock()
        self._active: Switch | None = None

    @contextmanager
    def taken(self, lora: Switch | None) -> Iterator[None]:
        """One turn, with an adapter or with none, during which nobody else computes."""
        with self._lock, torch.inference_mode():
            if lora is not self._active:
                if lora is not None:
                    lora.on()
                elif self._active is not None:
                    self._active.off()
                self._active = lora
            yield
