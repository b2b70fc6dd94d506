"""Variance components of answers over inputs, wordings and surface forms (random effects).

Each answer is y = m + a_n + b_w + c_s + (ab)_nw + (ac)_ns + (bc)_ws + e_nws, where input n, wording
w and surface form s are draws from their populations and all terms are independent: a three-way
crossed design with one answer a cell, as in generalizability theory (Brennan 2001, chapter 3). The
last term is the interaction of all three and whatever noise a second reading would have.

The components are estimated by symmetric sums (Koch 1967), which for a complete table are the usual
analysis-of-variance estimates. For a set A of axes, M_A is the mean of the product of two answers
that share their level on the axes of A and differ in it on all others; its expectation is
m^2 + sum over B within A of the variance of B, so that differences of the M_A give the components.
"""

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt

from robustness.errors import InputError
from robustness.stats.intervals import Estimate

AXES = ("inputs", "wording", "surface")
_LETTERS = "nws"
_BATCH = 4_000_000
"""Most numbers of an intermediate table."""

Floats = npt.NDArray[np.float64]


def _subsets(of: Sequence[int]) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(of, k) for k in range(len(of) + 1)))


PARTS = _subsets(range(len(AXES)))[1:]
COMPONENTS = tuple(" x ".join(AXES[n] for n in part) for part in PARTS)
"""Names of the seven components; the last one includes what no other explains."""


def _quadratic(table: Floats, counts: Sequence[Floats], full: tuple[int, ...],
               once: tuple[int, ...]) -> Floats:
    """(B,) sums over pairs of answers: any two levels on `full`, the same one on other axes.

    A pair is weighted by the product of how often its levels were drawn; on an axis of `once` a
    level pairs with itself as often as it was drawn, on the others as often as that squared.
    """
    axes = _LETTERS
    left = [counts[n] for n in full]
    rest = "".join(axes[n] for n in range(3) if n not in full)
    terms = ",".join([axes, *(f"b{axes[n]}" for n in full)])
    # With `full` empty nothing is contracted, and the table has no axis of draws.
    batch = "b" if full else ""
    summed = np.einsum(f"{terms}->{batch}{rest}", table, *left, optimize=True)
    weights = [counts[n] if n in once else counts[n] ** 2 for n in range(3) if n not in full]
    kept = ",".join([f"{batch}{rest}", *(f"b{letter}" for letter in rest)])
    squares = summed**2
    return np.asarray(np.einsum(f"{kept}->b", squares, *weights, optimize=True))


def _raw(table: Floats, counts: Sequence[Floats]) -> Floats:
    """(B, 7) components of (N, W, S) answers whose levels count as often as (B, level) says.

    Two draws of the same level are no pair of different levels, so that a level that is drawn twice
    does not look like two that agree. NaN where an axis has one level left.
    """
    total = [c.sum(axis=1) for c in counts]
    squares = [(c**2).sum(axis=1) for c in counts]
    means: dict[tuple[int, ...], Floats] = {}
    for same in [(), *PARTS]:
        others = [n for n in range(3) if n not in same]
        # Pairs of different levels are all pairs less those of a level with itself.
        value = np.zeros(len(counts[0]))
        for full in _subsets(others):
            sign = (-1.0) ** (len(others) - len(full))
            value += sign * _quadratic(table, counts, full, same)
        pairs = np.ones(len(counts[0]))
        for n in range(3):
            pairs *= total[n] if n in same else total[n] ** 2 - squares[n]
        with np.errstate(divide="ignore", invalid="ignore"):
            means[same] = np.where(pairs > 0, value / pairs, np.nan)
    return np.stack(
        [
            sum(((-1.0) ** (len(part) - len(less)) * means[less] for less in _subsets(part)),
                start=np.zeros(len(counts[0])))
            for part in PARTS
        ],
        axis=1,
    )


def components(table: Floats) -> Floats:
    """(7,) variance components in the order of `COMPONENTS`; estimates may be below zero.

    Args:
        table: (N, W, S) answers: inputs by wordings by surface forms, right (1) or not (0).

    Raises:
        InputError: An axis has fewer than two levels.
    """
    if table.ndim != 3 or min(table.shape, default=0) < 2:
        raise InputError(
            f"variance components need two inputs, wordings and surface forms, found {table.shape}"
        )
    found: Floats = _raw(table.astype(np.float64), [np.ones((1, n)) for n in table.shape])[0]
    return found


def _resampled(table: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """(draws, 7) components with the levels of all three axes drawn again."""
    counts = [
        rng.multinomial(n, np.full(n, 1.0 / n), size=draws).astype(np.float64) for n in table.shape
    ]
    step = max(1, _BATCH // (table.size // min(table.shape)))
    return np.concatenate([
        _raw(table.astype(np.float64), [c[at : at + step] for c in counts])
        for at in range(0, draws, step)
    ])


def _shares(values: Floats) -> Floats:
    """Shares of the total, with estimates below zero taken as zero; NaN where all are."""
    kept = np.maximum(values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        made: Floats = kept / kept.sum(axis=-1, keepdims=True)
    return made


def shares(
    tables: Sequence[Floats], *, rng: np.random.Generator, draws: int = 1000,
    coverage: float = 0.95,
) -> tuple[Estimate, ...] | None:
    """Shares of the variance, in [0, 1], of components averaged over tasks.

    Args:
        tables: One (N, W, S) table a task, see `components`. Inputs, wordings and surface forms
            are drawn again in each; the set of tasks is fixed.
        rng: Random numbers of the bootstrap.
        draws: Number of bootstrap samples.
        coverage: Nominal coverage of the percentile intervals.

    Returns:
        One estimate for each of `COMPONENTS`; None where no answer varies.

    Raises:
        InputError: There are no tables, or one has an axis of fewer than two levels.
    """
    if not tables:
        raise InputError("the variance over no tasks is undefined")
    values = _shares(np.mean([components(t) for t in tables], axis=0))
    if np.isnan(values).any():
        return None
    drawn = _shares(np.mean([_resampled(t, rng, draws) for t in tables], axis=0))
    tail = (1.0 - coverage) / 2.0
    low, high = np.nanquantile(drawn, [tail, 1.0 - tail], axis=0)
    return tuple(
        Estimate(value=float(v), low=float(min(a, v)), high=float(max(b, v)))
        for v, a, b in zip(values, low, high, strict=True)
    )
