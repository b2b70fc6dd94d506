"""The final norm and the output head of a model whose layers run in vLLM."""

import threading
from collections.abc import Iterator
from typing import Any

import torch

_AT_ONCE = 256
"""Number of positions for which logits are computed at once."""


class Ends:
    """Turns states of the last layer into log-probabilities. Safe to share among threads.

    Each architecture has its own way from the embeddings to the first layer (Granite scales them)
    and from the norm to the logits (softcaps, scales). So the model without layers runs as it is,
    and the states take the place of what it gives its final norm.
    """

    def __init__(self, model: Any) -> None:
        """Finds the final norm: without layers, the last module that the base model calls.

        Args:
            model: A transformers model without layers.
        """
        self._model = model
        self._given = threading.local()
        called: list[torch.nn.Module] = []
        leaves = [m for m in model.base_model.modules() if not list(m.children())]
        hooks = [m.register_forward_hook(lambda m, *_: called.append(m)) for m in leaves]
        weight = model.get_input_embeddings().weight
        with torch.inference_mode():
            model(inputs_embeds=weight.new_zeros((1, 1, weight.shape[1])), use_cache=False)
        for hook in hooks:
            hook.remove()
        called[-1].register_forward_pre_hook(self._instead)

    def _instead(self, _: torch.nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        states: torch.Tensor = self._given.states
        return (states.to(given[0].dtype), *given[1:])

    @torch.inference_mode()
    def _scores(self, last: torch.Tensor) -> torch.Tensor:
        # A row each, so that no position is beyond what the model has positions for.
        self._given.states = last[:, None]
        logits = self._model(inputs_embeds=last[:, None], use_cache=False).logits[:, 0]
        scores: torch.Tensor = logits.float().log_softmax(-1)
        return scores

    def scores(self, last: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yields log-probabilities (V,) of the next token, nats, at each position.

        Args:
            last: (N, D) states of the last layer.
        """
        for part in torch.split(last, _AT_ONCE):
            if len(part):
                yield from self._scores(part)

    def picked(self, last: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The log-probability (N,) of one token at each of N positions."""
        parts = zip(torch.split(last, _AT_ONCE), torch.split(ids, _AT_ONCE), strict=True)
        return torch.cat([self._scores(h).gather(1, i[:, None])[:, 0] for h, i in parts])
