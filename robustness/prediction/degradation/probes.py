"""Tiers 1 and 2: what the answers on a few inputs say, without labels and with them.

Refuses to run a model: option log-probabilities come in. The observed instructions' own spread is
the unit: an instruction is compared with how much observed ones differ among themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from robustness.types import FloatArray

Floats = npt.NDArray[np.float64]
NEIGHBOURS = 5
"""Nearest observed instructions whose answers stand for the right ones."""
STEPS = (16, 32, 64)
"""Numbers of inputs, without labels and with them, that are calibrated as far as the index keeps
answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was read of one instruction on the first inputs of its task."""

    features: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """Number of inputs -> label-free features, see `features`."""
    losses: Mapping[int, float] = field(default_factory=dict)
    """Number of labelled inputs -> accuracy lost on them against the observed, in points."""


def distributions(option_logprobs: FloatArray) -> Floats:
    """(..., C) probabilities of the options among themselves; zero where there is no option."""
    scores = np.where(np.isnan(option_logprobs), -np.inf, option_logprobs).astype(np.float64)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _entropy(p: Floats) -> Floats:
    """(...,) nats."""
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(-1))


def _margin(p: Floats) -> Floats:
    """(...,) probability of the first option chosen minus that of the second."""
    ordered = np.sort(p, axis=-1)
    return np.asarray(ordered[..., -1] - ordered[..., -2])


def _outside(option_logprobs: FloatArray) -> Floats:
    """(...,) probability of everything that is not an option."""
    return np.asarray(1.0 - np.nansum(np.exp(option_logprobs.astype(np.float64)), axis=-1))


def _agreement(own: Floats, others: Floats) -> float:
    """Share of inputs on which `own` (N, C) chooses as the mean of `others` (K, N, C) does."""
    return float((own.argmax(-1) == others.mean(0).argmax(-1)).mean())


def features(
    own: FloatArray, observed: FloatArray, nearest: Sequence[int], accuracy: float
) -> tuple[float, ...]:
    """Label-free features of an instruction.

    Args:
        own: (N, C) option log-probabilities.
        observed: (I, N, C) those of the observed instructions on the same inputs.
        nearest: Rows of the nearest observed, nearest first.
        accuracy: Mean accuracy of the observed instructions, in [0, 1].

    Returns:
        Agreement lacking against what observed instructions have among themselves, that times
        their accuracy, KL to the nearest's mean distribution (nats), and entropy, margin and
        probability outside the options, each minus the observed mean.
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
    """The numbers of inputs that can be calibrated; all that there are, where they are few."""
    return [k for k in STEPS if k <= available] or [available]


def lost(own: FloatArray, observed: FloatArray, correct: Sequence[int]) -> float:
    """Points of accuracy that an instruction loses against the observed on labelled inputs.

    Args:
        own: (N, C) option log-probabilities.
        observed: (I, N, C).
        correct: (N,) index of the right options.
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
    """Everything that the first inputs say of an instruction.

    Args:
        own: (N, C) option log-probabilities.
        observed: (I, P, C), P >= N.
        nearest: Rows of the nearest observed, nearest first.
        accuracy: Mean accuracy of the observed instructions, in [0, 1].
        correct: Index of the right option of the first labelled inputs.
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
