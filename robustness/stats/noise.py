"""The noise floor: the least difference in accuracy that means anything, in points.

A difference is measured on N inputs, by an engine that groups prompts into batches. Asked again,
the same instruction gives another one for two reasons, and each has its 95% limit:

- *Repeatability*: the same prompts in other batches, in another number type or on another engine.
  Where a share q of answers changes, each moves the accuracy by 1/N either way, so the limit is
  1.96 sqrt(q / N).
- *Sampling*: other inputs of the same size. Inputs are drawn again, the same ones for both sides of
  the difference (paired), and the limit is the 95% quantile of how far the difference of the same
  instruction then lies from its own value. It is at least the limit of a task in which one of the
  N answers differs: that all were alike does not show that none ever differs.

Both are independent, so the floor is the root of the sum of their squares. A difference below it
is one that the same instruction, asked again, could have brought about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from robustness.errors import InputError
from robustness.stats.intervals import BoolArray

LEVEL = 0.95
DRAWS = 500
"""Number of draws of inputs."""
_Z = float(ndtri((1.0 + LEVEL) / 2.0))

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """The noise floor of a difference, in points (0 to 100)."""

    value: float
    sampling: float
    """Its part from other inputs of the same size."""
    repeatability: float | None
    """Its part from asking the same prompts again; None: not measured, and not in `value`."""
    inputs: int
    """Number of inputs that the difference is measured on."""

    def below(self, difference: float) -> bool:
        """Whether a difference in points is below the noise floor."""
        return abs(difference) < self.value


def sampling(differences: Sequence[Floats], *, rng: np.random.Generator) -> float:
    """The sampling part of the mean over tasks of a difference, in [0, 1].

    Args:
        differences: One (I, N) table a task: for each of I instructions, the difference of the two
            sides on each of N inputs, in [-1, 1]. Inputs are drawn again within each task; with
            several tasks, whose instructions are not the same, the first of each is taken together,
            then the second of each, as far as all tasks have them.
        rng: Random numbers of the draws.

    Raises:
        InputError: There are no tables, or one has no instructions or inputs.
    """
    if not differences or any(d.ndim != 2 or not d.size for d in differences):
        raise InputError("a noise floor needs instructions by inputs of a task or more")
    count = min(len(d) for d in differences)
    moved = np.zeros((DRAWS, count))
    for table in differences:
        n = table.shape[1]
        weights = rng.multinomial(n, np.full(n, 1.0 / n), size=DRAWS) / n
        own = table[:count].mean(axis=1)
        moved += (weights @ table[:count].T - own) / len(differences)
    return max(float(np.quantile(np.abs(moved), LEVEL)), _one_answer(differences))


def _one_answer(differences: Sequence[Floats]) -> float:
    """The sampling part, in [0, 1], where one answer of each task differs between the two sides.

    An answer of a task's N has the variance 1/N, and their mean 1/N^2.
    """
    variances = [1.0 / table.shape[1] ** 2 for table in differences]
    return _Z * float(np.sqrt(sum(variances))) / len(differences)


def from_others(correct: BoolArray) -> Floats:
    """(I, N) differences of I valid instructions of a task, each from the mean of the others.

    Their degradation, as it would be measured of an instruction that is as good as they are.

    Args:
        correct: (I, N) bool, I of two or more.

    Raises:
        InputError: There are fewer than two instructions.
    """
    count = len(correct)
    if count < 2:
        raise InputError("the noise floor of a degradation needs two observed instructions")
    table = correct.astype(np.float64)
    others = (table.sum(axis=0) - table) / (count - 1)
    return np.asarray(others - table)


def repeatability(changed: float, inputs: int) -> float:
    """The repeatability part, in [0, 1].

    Args:
        changed: Share of answers that change when the same prompts are asked again.
        inputs: Number of inputs of the difference.
    """
    return _Z * float(np.sqrt(changed / inputs))


def floor(
    differences: Sequence[Floats], *, changed: float | None, seed: int
) -> NoiseFloor:
    """The noise floor of a difference.

    Args:
        differences: As in `sampling`.
        changed: As in `repeatability`; None: not measured.
        seed: Seed of the draws.

    Raises:
        InputError: As `sampling`.
    """
    inputs = sum(d.shape[1] for d in differences)
    of_inputs = sampling(differences, rng=np.random.default_rng(seed))
    again = None if changed is None else repeatability(changed, inputs)
    return NoiseFloor(
        value=100 * float(np.hypot(of_inputs, again or 0.0)), sampling=100 * of_inputs,
        repeatability=None if again is None else 100 * again, inputs=inputs,
    )


def said(difference: float, floor: float) -> str:
    """What a noise floor says of a difference, both in points, for tables and commands."""
    if abs(difference) < floor:
        return f"below the noise floor of \u00b1{floor:.1f} points"
    return f"noise floor \u00b1{floor:.1f} points"
