"""LoRA matrices beside a model's linear layers, used only while somebody asks for them.

Refuses to know files and engines. Nothing is merged: the layers stay as they are, and a hook adds
an adapter's share to what they give, so that one loaded model serves any number of adapters.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import linear


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What is added to one layer's output: scale x B A x."""

    down: torch.Tensor
    """A, (r, in)."""
    up: torch.Tensor
    """B, (out, r)."""
    scale: float


Lora = Mapping[str, Pair]
"""Path of a layer in the model -> its matrices."""


class LoraHooks:
    """A model's layers with a hook each, and which adapter they use at the moment.

    Not safe among threads by itself: whoever computes holds a lock meanwhile, as the engine does.
    """

    def __init__(self, model: Any) -> None:
        """Hooks nothing yet.

        Args:
            model: In transformers' form.
        """
        self._model = model
        self._hooked: set[str] = set()
        self._active: Lora | None = None

    def add(self, lora: Lora) -> None:
        """Prepares the layers that an adapter changes."""
        for path in sorted(set(lora) - self._hooked):
            self._model.get_submodule(path).register_forward_hook(self._hook(path))
            self._hooked.add(path)

    def _hook(self, path: str) -> Any:
        def add_share(
            layer: torch.nn.Module, arguments: tuple[torch.Tensor, ...], output: torch.Tensor
        ) -> torch.Tensor | None:
            pair = None if self._active is None else self._active.get(path)
            if pair is None:
                return None
            return output + pair.scale * linear(linear(arguments[0], pair.down), pair.up)

        return add_share

    @contextmanager
    def using(self, lora: Lora | None) -> Iterator[None]:
        """The model with an adapter's matrices, or without any."""
        self._active = lora
        try:
            yield
        finally:
            self._active = None


class Turn:
    """One caller's turns on a shared model: the lock, and the caller's adapter while it is held."""

    def __init__(
        self, lock: AbstractContextManager[Any], hooks: LoraHooks, lora: Lora | None
    ) -> None:
        """Takes no turn yet.

        Args:
            lock: Held during each turn.
            hooks: Of the model.
            lora: What the caller reads with.
        """
        self._lock = lock
        self._hooks = hooks
        self._lora = lora

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One turn."""
        with self._lock, self._hooks.using(self._lora), torch.inference_mode():
            yield
