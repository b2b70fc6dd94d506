"""Mean accuracies of sets of instructions, each with bootstrap draws.

Instructions are resampled within their dataset and set; datasets are fixed. A `Mean` carries its
draws, and every table entry is a linear combination of means (differences, means over datasets), so
the draws of an entry are the same combination of the draws of its parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustness.errors import InputError
from robustness.evaluation.published.values import Figure

COVERAGE = 0.95

_INSTRUCTION = ["collection", "type", "id", "repeat"]


class MeanKey(NamedTuple):
    """Identifies one mean: a model with a number of worked examples, on a dataset, for a set."""

    model: str
    shots: int
    dataset: str
    set: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean, or a linear combination of means, in points."""

    value: float
    draws: npt.NDArray[np.float64] | None
    """(draws,) float64; None for a single instruction, which cannot be resampled."""

    def __sub__(self, other: Self) -> "Mean":
        """The difference of two means and of their draws."""
        return weighted([(1.0, self), (-1.0, other)])

    def figure(self, *, printed: float | None = None) -> Figure:
        """The value with its percentile interval.

        Args:
            printed: The number in the paper, where there is one.
        """
        if self.draws is None:
            return Figure(value=self.value, printed=printed)
        tail = (1.0 - COVERAGE) / 2.0
        low, high = np.quantile(self.draws, [tail, 1.0 - tail])
        return Figure(value=self.value, low=float(low), high=float(high), printed=printed)


def weighted(terms: Sequence[tuple[float, Mean]]) -> Mean:
    """The weighted sum of means, and of their draws where all have them."""
    value = sum(weight * mean.value for weight, mean in terms)
    known = [(weight, mean.draws) for weight, mean in terms if mean.draws is not None]
    draws = None
    if len(known) == len(terms):
        draws = np.sum([weight * drawn for weight, drawn in known], axis=0)
    return Mean(value=value, draws=draws)


def mean(means: Sequence[Mean]) -> Mean:
    """The unweighted mean of means.

    Raises:
        InputError: There are none.
    """
    if not means:
        raise InputError("the mean over no datasets is undefined")
    return weighted([(1.0 / len(means), m) for m in means])


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The means, standard deviations and sizes of all sets of instructions of a study."""

    means: Mapping[MeanKey, Mean]
    spreads: Mapping[MeanKey, float]
    """Sample standard deviation over instructions, points; NaN for one instruction."""
    sizes: Mapping[MeanKey, int]

    def of(self, cell: MeanKey) -> Mean:
        """One mean.

        Raises:
            InputError: The results have no accuracy for it.
        """
        try:
            return self.means[cell]
        except KeyError:
            raise InputError(
                f"the results have no accuracy of {cell.model} on {cell.dataset}, {cell.set}, "
                f"{cell.shots} examples; python -m robustness published build DIR makes them again"
            ) from None

    def over(self, model: str, datasets: Sequence[str], of: str, shots: int = 0) -> Mean:
        """Mean over datasets of the mean accuracy under a set of instructions."""
        return mean([self.of(MeanKey(model, shots, d, of)) for d in datasets])

    def spread(self, model: str, datasets: Sequence[str], of: str, shots: int = 0) -> Figure:
        """Mean over datasets of the standard deviation over a set of instructions."""
        cells = [MeanKey(model, shots, d, of) for d in datasets]
        return Figure(value=float(np.mean([self.spreads[cell] for cell in cells])))

    def degradation(self, model: str, dataset: str, shots: int = 0) -> Mean:
        """Observed minus unobserved accuracy of a model on one dataset."""
        return self.of(MeanKey(model, shots, dataset, "observed")) - self.of(
            MeanKey(model, shots, dataset, "unobserved")
        )


def compute(rows: pd.DataFrame, *, seed: int, draws: int) -> Means:
    """Computes the means of all sets of instructions.

    Args:
        rows: The rows of `released.read_results` with an additional column `set`.
        seed: Seed of the bootstrap.
        draws: Number of bootstrap samples.

    Models that were measured with the same instructions share the draws: averaging over models
    then does not narrow the interval, which is about instructions.
    """
    rng = np.random.default_rng(seed)
    means: dict[MeanKey, Mean] = {}
    spreads: dict[MeanKey, float] = {}
    sizes: dict[MeanKey, int] = {}
    parts = ["dataset", "set"]
    whole = rows.pivot(index=[*parts, *_INSTRUCTION], columns=["model", "shots"], values="points")
    asked = [(str(column[0]), int(column[1])) for column in whole.columns]
    measured = whole.to_numpy(dtype=np.float64)
    found: dict[Any, Any] = dict(whole.groupby(level=parts).indices)
    for dataset, name in sorted(found):
        points = measured[found[dataset, name]]
        # Columns (model, shots) with the same measured instructions form a block; models that were
        # not measured here form none.
        blocks: dict[bytes, list[int]] = {}
        for position in np.flatnonzero(np.isfinite(points).any(0)).tolist():
            blocks.setdefault(np.isfinite(points[:, position]).tobytes(), []).append(position)
        for positions in blocks.values():
            values = points[:, positions]
            values = values[np.isfinite(values[:, 0])]
            drawn = _drawn(values, rng, draws)
            for number, position in enumerate(positions):
                model, shots = asked[position]
                cell = MeanKey(model, shots, str(dataset), str(name))
                own = values[:, number]
                means[cell] = Mean(
                    value=float(own.mean()), draws=None if drawn is None else drawn[:, number]
                )
                spreads[cell] = float(own.std(ddof=1)) if len(own) > 1 else float("nan")
                sizes[cell] = len(own)
    return Means(means=means, spreads=spreads, sizes=sizes)


def _drawn(
    values: npt.NDArray[np.float64], rng: np.random.Generator, draws: int
) -> npt.NDArray[np.float64] | None:
    """(draws, M) means over resampled instructions, from (I, M) accuracies; None if I < 2."""
    n = len(values)
    if n < 2:
        return None
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=draws) / n
    return np.asarray(weights @ values)
