"""Chooses the scorer of a model: the fastest whose values are those of plain forward calls."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from robustness.models.checkpoint import Checkpoint
from robustness.models.scorers import conditions
from robustness.models.scorers.continued import ContinuedScorer
from robustness.models.scorers.encoder_decoder import EncoderDecoderScorer
from robustness.models.scorers.packed import PackedScorer
from robustness.models.scorers.padded import PaddedScorer
from robustness.models.scorers.scorer import Scorer
from robustness.models.scorers.self_check import SelfCheck
from robustness.models.scorers.unpadded import UnpaddedScorer
from robustness.models.soft_prompts import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The scorer of a model, and why it is not a faster one."""

    scorer: Scorer
    reason: str | None
    """Why it is not the fastest scorer of this family of models, in plain words; None: it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A scorer that may fit a model."""

    scorer: Scorer
    tried: Scorer
    """The scorer for the self-check, which shares even the shortest prefixes."""
    obstacle: Callable[[Checkpoint], str | None]
    """Why the scorer does not fit, from the configuration, since a few tokens cannot show it."""


def _candidates(
    checkpoint: Checkpoint, layer: int, batch_tokens: int, share_starts: bool
) -> Iterator[_Candidate]:
    """Yields the candidates, the fastest first."""
    if checkpoint.encoder_decoder:
        batches = EncoderDecoderScorer(checkpoint, layer=layer, batch_tokens=batch_tokens)
        yield _Candidate(scorer=batches, tried=batches, obstacle=conditions.capacity)
        return

    def packed(pass_tokens: float | None) -> PackedScorer:
        return PackedScorer(
            checkpoint, layer=layer, batch_tokens=batch_tokens, pass_tokens=pass_tokens,
            share=share_starts,
        )

    yield _Candidate(scorer=packed(None), tried=packed(0.0), obstacle=conditions.apart)
    continued = ContinuedScorer(checkpoint, layer=layer, batch_tokens=batch_tokens)
    yield _Candidate(scorer=continued, tried=continued, obstacle=conditions.apart)
    rows = PaddedScorer(checkpoint, layer=layer, batch_tokens=batch_tokens)
    yield _Candidate(scorer=rows, tried=rows, obstacle=conditions.capacity)


def scorer_of(
    checkpoint: Checkpoint, *, layer: int, batch_tokens: int | None = None,
    share_starts: bool = True, fronts: Sequence[Front] = (),
) -> Chosen:
    """The fastest scorer whose values are those of plain forward calls, tried on a few tokens.

    Args:
        checkpoint: The model.
        layer: Index of the hidden states that are the representations.
        batch_tokens: Most tokens of a batch; by default 1024 on a CPU, where more is slower, and
            16384 elsewhere.
        share_starts: Whether to compute shared prefixes once, if the model allows it.
        fronts: The soft prompts of the served adapters.
    """
    if batch_tokens is None:
        batch_tokens = 1024 if checkpoint.device.type == "cpu" else 16384
    plain = UnpaddedScorer(checkpoint, layer=layer)
    check = SelfCheck(checkpoint, plain, fronts)
    against: list[str] = []
    for candidate in _candidates(checkpoint, layer, batch_tokens, share_starts):
        fault = candidate.obstacle(checkpoint) or check.fault(candidate.tried)
        if fault is None:
            return Chosen(scorer=candidate.scorer, reason="; ".join(against) or None)
        against.append(f"not {candidate.scorer.name}: {fault}")
    return Chosen(scorer=plain, reason="; ".join(against))
