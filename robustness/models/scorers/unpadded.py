"""Scores each option in a separate plain forward call: the slowest scorer, right for any model.

It uses no padding, mask, positions or KV cache. The other scorers are compared with it
(`self_check.py`), and it is used for models for which none of them gives the same values.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from robustness.models.batching import Item, Read
from robustness.models.cached_forward import cached_forward
from robustness.models.checkpoint import Checkpoint
from robustness.models.soft_prompts import Front, KeysValues


class UnpaddedScorer:
    """Implements `Scorer` for decoder-only and encoder-decoder models."""

    name = "one at a time"

    def __init__(self, checkpoint: Checkpoint, *, layer: int) -> None:
        """Computes nothing yet.

        Args:
            checkpoint: The model.
            layer: Index of the hidden states that are the representations.
        """
        self._checkpoint = checkpoint
        self._layer = layer

    def read(self, items: Sequence[Item], before: Front | None) -> Iterator[Read]:
        """Reads every item, one in each step, in order: see `Scorer.read`."""
        for item in items:
            logprobs: list[float] = []
            vector = torch.empty(0)
            # A prompt without options has a representation, too.
            for option in item.options or [[]]:
                logits, vector = self._forward(item.ids, option, before)
                if option:
                    logprobs.append(option_sum(logits, option))
            yield Read([item], [logprobs], vector.float().cpu().numpy()[None])

    def _forward(
        self, prompt: list[int], option: list[int], before: Front | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (K, V) that predict the option's K tokens, and the representation (D,)."""
        if self._checkpoint.encoder_decoder:
            return self._encoded(prompt, option, before)
        # The last token is only predicted.
        arguments = self._input([*prompt, *option[:-1]], before)
        deep = before.cache(1) if isinstance(before, KeysValues) else None
        model = self._checkpoint.model
        told = {"use_cache": deep is not None, "output_hidden_states": True}
        out = (
            model(**arguments, **told) if deep is None
            else cached_forward(model, deep, **arguments, **told)
        )
        last = len(prompt) - 1 + (len(before) if isinstance(before, torch.Tensor) else 0)
        return out.logits[0, last:], out.hidden_states[self._layer][0, last]

    def _encoded(
        self, prompt: list[int], option: list[int], before: Front | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        begin = self._checkpoint.decoder_start
        out = self._checkpoint.model(
            **self._input(prompt, before),
            decoder_input_ids=self._row([begin, *option[:-1]]),
            output_hidden_states=True, use_cache=False,
        )
        return out.logits[0], out.decoder_hidden_states[self._layer][0, 0]

    def _input(self, ids: list[int], before: Front | None) -> dict[str, Any]:
        """The token ids, or embeddings (1, n + T, D) with those of a soft prompt in front."""
        row = self._row(ids)
        if not isinstance(before, torch.Tensor):
            return {"input_ids": row}
        embeds = self._checkpoint.model.get_input_embeddings()(row)
        return {"inputs_embeds": torch.cat([before[None], embeds], dim=1)}

    def _row(self, ids: list[int]) -> torch.Tensor:
        return torch.tensor([ids], device=self._checkpoint.device)


def option_sum(logits: torch.Tensor, option: Sequence[int]) -> float:
    """Log-probability of an option's K tokens, nats, from the logits (K, V) that predict them."""
    scores = logits.float().log_softmax(-1)
    picked = scores[range(len(option)), list(option)]
    # Summed in double precision, as in every scorer.
    return float(np.sum(picked.cpu().double().numpy()))
