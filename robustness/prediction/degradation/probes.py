"""Tiers 1 and 2: features of an instruction's answers on a few inputs, without and with labels.

An instruction's option probabilities are compared with those of observed instructions on the same
inputs. Each feature is a difference from what observed instructions show among themselves, so that
tasks of different difficulty can share one regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from robustness.types import Example, FloatArray

Floats = npt.NDArray[np.float64]
NEIGHBOURS = 5
"""Number of nearest observed instructions whose answers are compared with."""
STEPS = (16, 32, 64)
"""Numbers of inputs that are calibrated, as far as the index keeps answers for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Features of one instruction's answers on the first inputs of a task."""

    features: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """Number of inputs -> label-free features, see `features`."""
    losses: Mapping[int, float] = field(default_factory=dict)
    """Number of labelled inputs -> degradation on them, in points: see `lost`."""


def right_options(examples: Sequence[Example]) -> list[int]:
    """Index of the right option of each example, up to the first that is not labelled."""
    known = takewhile(lambda e: e.answer is not None, examples)
    return [e.options.index(str(e.answer)) for e in known]


def distributions(option_logprobs: FloatArray) -> Floats:
    """(..., C) probabilities over the options, normalised to 1; 0 where an input has fewer."""
    scores = np.where(np.isnan(option_logprobs), -np.inf, option_logprobs).astype(np.float64)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _entropy(p: Floats) -> Floats:
    """(...,) entropy in nats."""
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(-1))


def _margin(p: Floats) -> Floats:
    """(...,) probability of the most probable option minus that of the second."""
    ordered = np.sort(p, axis=-1)
    return np.asarray(ordered[..., -1] - ordered[..., -2])


def _outside(option_logprobs: FloatArray) -> Floats:
    """(...,) probability of all texts that are not an option."""
    return np.asarray(1.0 - np.nansum(np.exp(option_logprobs.astype(np.float64)), axis=-1))


def _agreement(own: Floats, others: Floats) -> float:
    """Share of inputs on which `own` (N, C) and the mean of `others` (K, N, C) choose alike."""
    return float((own.argmax(-1) == others.mean(0).argmax(-1)).mean())


def features(
    own: FloatArray, observed: FloatArray, nearest: Sequence[int], accuracy: float
) -> tuple[float, ...]:
    """The six label-free features of an instruction.

    Args:
        own: (N, C) its option log-probabilities, nats.
        observed: (I, N, C) those of the observed instructions on the same inputs.
        nearest: Rows of the nearest observed instructions, nearest first.
        accuracy: Mean accuracy of the observed instructions, in [0, 1].

    Returns:
        Lack of agreement: mean agreement of observed instructions with the others, minus agreement
        of this one with the nearest; the same times their accuracy, since only agreement with right
        answers counts; KL divergence from the mean distribution of the nearest, in nats; entropy,
        margin and probability outside the options, each minus the mean of observed instructions.
    """
    p, q = distributions(own), distributions(observed)
    near = q[list(nearest[:NEIGHBOURS])]
    among = [
        _agreement(q[row], np.delete(q, row, axis=0)) for row in range(len(q)) if len(q) > 1
    ]
    lacking = (float(np.mean(among)) if among else 1.0) - _agreement(p, near)
    mean = near.mean(0)
    divergence = (p * (np.log(np.maximum(p, 1e-12)) - np.log(np.maximum(mean, 1e-12)))).sum(-1)
    return (
        lacking,
        lacking * accuracy,
        float(divergence.mean()),
        float(_entropy(p).mean() - _entropy(q).mean()),
        float(_margin(p).mean() - _margin(q).mean()),
        float(_outside(own).mean() - _outside(observed).mean()),
    )


def steps(available: int) -> list[int]:
    """The numbers of `STEPS` up to the available inputs; all inputs where they are fewer."""
    return [k for k in STEPS if k <= available] or [available]


def lost(own: FloatArray, observed: FloatArray, correct: Sequence[int]) -> float:
    """Degradation on labelled inputs in points: mean observed accuracy minus this one's.

    Args:
        own: (N, C) option log-probabilities of the instruction, nats.
        observed: (I, N, C) those of the observed instructions.
        correct: (N,) indices of the right options.
    """
    right = np.asarray(correct)
    mine = distributions(own).argmax(-1) == right
    theirs = distributions(observed).argmax(-1) == right[None]
    return 100.0 * float(theirs.mean() - mine.mean())


def probe(
    own: FloatArray,
    observed: FloatArray,
    nearest: Sequence[int],
    accuracy: float,
    correct: Sequence[int] = (),
) -> Probe:
    """All features of an instruction's answers, for every number of inputs in `STEPS`.

    Args:
        own: (N, C) option log-probabilities of the instruction, nats.
        observed: (I, P, C) those of the observed instructions, P >= N.
        nearest: Rows of the nearest observed instructions, nearest first.
        accuracy: Mean accuracy of the observed instructions, in [0, 1].
        correct: Indices of the right options of the first inputs, as far as they are labelled.
    """
    n = len(own)
    if not n:
        return Probe()
    label_free = {
        k: features(own[:k], observed[:, :k], nearest, accuracy)
        for k in steps(n)
    }
    losses = {}
    if len(correct):
        for k in steps(min(len(correct), n)):
            losses[k] = lost(own[:k], observed[:, :k], correct[:k])
    return Probe(features=label_free, losses=losses)
