"""Compares a scorer with plain forward calls of the model on a few tokens.

A scorer is chosen by the model's values, not by the names of its arguments: a release of
transformers may rename these, and a model may accept them and do something else. Does not find
differences that only long texts show; see `conditions.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robustness.models.batching import Item
from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers.scorer import Scorer
from robustness.models.soft_prompts import Front
from robustness.types import FloatArray

_STRIDE = 0.381966
"""Step between the tokens, as a share of the vocabulary; a few dozen are all different."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a scorer for one prompt."""

    logprobs: list[float]
    """Log-probabilities of the options, nats."""
    representation: FloatArray
    """(D,) float32."""


def tolerance(dtype: torch.dtype) -> float:
    """Allowed difference by rounding: in nats, and relative to a representation's length.

    Rounding depends on the shape of a batch. In trained models, a wrong position or mask makes
    differences that are larger by orders of magnitude: 0.1 to 4 nats.
    """
    return max(1e-4, 32 * torch.finfo(dtype).eps)


def prompts(checkpoint: Checkpoint) -> list[Item]:
    """Prompts of different lengths, two with a shared prefix, and options of 1 to 3 tokens.

    Token ids are spread over the vocabulary, without special tokens, which some models treat
    differently.
    """
    table = checkpoint.model.get_input_embeddings().weight
    special = set(checkpoint.tokenizer.all_special_ids)
    ids = [n for n in range(min(len(checkpoint.tokenizer), len(table))) if n not in special]

    def tokens(first: int, count: int) -> list[int]:
        return [ids[int((n * _STRIDE % 1) * len(ids))] for n in range(first, first + count)]

    start = tokens(1, 5)
    return [
        Item(0, start + tokens(6, 2), [tokens(8, 1), tokens(9, 3)]),
        Item(1, start + tokens(12, 6), [tokens(18, 2)]),
        Item(2, tokens(20, 3), [tokens(23, 2)]),
    ]


def values(scorer: Scorer, items: Sequence[Item], before: Front | None) -> list[Values]:
    """The values of a scorer for each item, in order."""
    logprobs = [[0.0] * len(item.options) for item in items]
    vectors: dict[int, FloatArray] = {}
    for done in scorer.read(items, before):
        for item, sums, vector in zip(
            done.items, done.logprobs, done.representations, strict=True
        ):
            logprobs[item.position][item.first : item.first + len(sums)] = sums
            vectors[item.position] = vector
    return [Values(sums, vectors[n]) for n, sums in enumerate(logprobs)]


def difference(
    found: Iterable[Values], wanted: Iterable[Values], allowed: float
) -> str | None:
    """In words, how values differ by more than is allowed; None: they do not."""
    for one, other in zip(found, wanted, strict=True):
        sums, right = np.array(one.logprobs), np.array(other.logprobs)
        # The rounding error of a sum grows with its size.
        if not np.allclose(sums, right, rtol=allowed / 4, atol=allowed, equal_nan=True):
            return f"an option's log-probability is {np.abs(sums - right).max():.2g} nats off"
        length = float(np.linalg.norm(other.representation))
        off = float(np.linalg.norm(one.representation - other.representation))
        if off > allowed * length:
            return f"the representation is {100 * off / length:.2g}% of its length off"
    return None


class SelfCheck:
    """Compares scorers with the values of plain forward calls, which are computed once."""

    @torch.inference_mode()
    def __init__(
        self, checkpoint: Checkpoint, plain: Scorer, fronts: Sequence[Front]
    ) -> None:
        """Computes the values of plain forward calls.

        Args:
            checkpoint: The model.
            plain: A scorer that makes a plain forward call for each option.
            fronts: The soft prompts of the served adapters; the first of each kind is tried, since
                those of a kind are handled in the same way.
        """
        self._allowed = tolerance(checkpoint.model.dtype)
        items = prompts(checkpoint)
        kinds = {type(front): front for front in reversed(fronts)}
        self._asked: list[tuple[list[Item], Front | None]] = [(items, None)]
        # A few rows show whether a soft prompt is used, and at the right positions.
        few = [Item(0, items[0].ids, items[0].options[1:]), Item(1, items[2].ids, items[2].options)]
        self._asked += [(few, front) for front in kinds.values()]
        self._right = [values(plain, asked, front) for asked, front in self._asked]

    @torch.inference_mode()
    def fault(self, scorer: Scorer) -> str | None:
        """In words, why a scorer does not fit the model; None: it gives the same values."""
        for (items, front), right in zip(self._asked, self._right, strict=True):
            try:
                found = values(scorer, items, front)
            # Any exception of an architecture's code means that it does not accept the arguments.
            except Exception as error:
                told = (str(error).strip().splitlines() or [""])[0][:120]
                return f"the model does not take its arguments ({type(error).__name__}: {told})"
            if off := difference(found, right, self._allowed):
                behind = "" if front is None else " behind a soft prefix"
                return f"on a few tokens{behind} {off}"
        return None
