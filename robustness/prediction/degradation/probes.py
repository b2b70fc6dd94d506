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
    """The fourteen label-free features of an instruction.

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
        Then those of `_votes`, which compare with all observed instructions.
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
        *_votes(p, q, accuracy),
    )


def _votes(p: Floats, q: Floats, accuracy: float) -> tuple[float, ...]:
    """Features of an instruction's distributions against the votes of observed ones.

    An option's votes are the share of observed instructions that choose it. Where these agree, they
    are probably right, and a different answer probably costs accuracy.

    Args:
        p: (N, C) distributions over the options under the instruction.
        q: (I, N, C) those under the observed instructions.
        accuracy: Mean accuracy of the observed instructions, in [0, 1].

    Returns:
        Votes of the observed instructions' choices minus those of this one's; the same times their
        accuracy; mean probability under the observed distributions, minus this one's; votes minus
        expected votes of this distribution; total variation between the mean distributions over
        inputs, which is a shift of label bias; mutual information of input and answer minus that of
        the observed ones; votes lost once each option's mean log-probability is taken off, which
        undoes label bias; accuracy above that of a random guess.
    """
    rows = np.arange(p.shape[0])
    votes = np.stack([(q.argmax(-1) == c).mean(0) for c in range(p.shape[1])], axis=-1)
    usual, mean = float((votes * votes).sum(-1).mean()), q.mean(0)
    lost = usual - float(votes[rows, p.argmax(-1)].mean())
    logs = np.log(np.maximum(p, 1e-9))
    unbiased = (logs - logs.mean(0)).argmax(-1)
    options = float((mean > 0).sum(-1).mean())
    return (
        lost,
        lost * accuracy,
        float((q * mean).sum(-1).mean() - (p * mean).sum(-1).mean()),
        usual - float((p * votes).sum(-1).mean()),
        float(np.abs(p.mean(0) - mean.mean(0)).sum() / 2.0),
        _information(p) - float(np.mean([_information(each) for each in q])),
        usual - float(votes[rows, unbiased].mean()),
        accuracy - 1.0 / options,
    )


def _information(p: Floats) -> float:
    """Mutual information of input and answer in nats: entropy of the mean minus mean entropy."""
    return float(_entropy(p.mean(0)) - _entropy(p).mean())


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
