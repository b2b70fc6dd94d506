"""Mean accuracies of sets of instructions with bootstrap draws that tables combine linearly.

Refuses to know which sets a table compares. Instructions are drawn again within their dataset and
set; datasets are fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from robustness.errors import InputError
from robustness.evaluation.published.values import Figure

COVERAGE = 0.95
DRAWS = 4_000

_INSTRUCTION = ["collection", "type", "id", "repeat"]


class MeanKey(NamedTuple):
    """A set of instructions on one dataset."""

    model: str
    shots: int
    dataset: str
    set: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean, or a linear combination of means, in points."""

    value: float
    draws: npt.NDArray[np.float64] | None
    """(draws,) float64; None where a single instruction leaves nothing to draw again."""

    def __sub__(self, other: Self) -> "Mean":
        """The difference, draw by draw."""
        return weighted([(1.0, self), (-1.0, other)])

    def figure(self, *, printed: float | None = None) -> Figure:
        """The value with its percentile interval."""
        if self.draws is None:
            return Figure(value=self.value, printed=printed)
        tail = (1.0 - COVERAGE) / 2.0
        low, high = np.quantile(self.draws, [tail, 1.0 - tail])
        return Figure(value=self.value, low=float(low), high=float(high), printed=printed)


def weighted(terms: Sequence[tuple[float, Mean]]) -> Mean:
    """The weighted sum of means."""
    value = sum(weight * mean.value for weight, mean in terms)
    known = [(weight, mean.draws) for weight, mean in terms if mean.draws is not None]
    draws = None
    if len(known) == len(terms):
        draws = np.sum([weight * drawn for weight, drawn in known], axis=0)
    return Mean(value=value, draws=draws)


def mean(means: Sequence[Mean]) -> Mean:
    """The plain mean of means.

    Raises:
        InputError: There are none.
    """
    if not means:
        raise InputError("the mean over no datasets is undefined")
    return weighted([(1.0 / len(means), m) for m in means])


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The mean of every cell of a study, its sample standard deviation and its size."""

    means: Mapping[MeanKey, Mean]
    spreads: Mapping[MeanKey, float]
    """Sample standard deviation over instructions, points; NaN for one instruction."""
    sizes: Mapping[MeanKey, int]

    def of(self, cell: MeanKey) -> Mean:
        """One cell's mean.

        Raises:
            InputError: The results have no such cell.
        """
        try:
            return self.means[cell]
        except KeyError:
            raise InputError(
                f"the results have no accuracy of {cell.model} on {cell.dataset}, {cell.set}, "
                f"{cell.shots} examples; python -m robustness published build DIR makes them again"
            ) from None

    def over(self, model: str, datasets: Sequence[str], of: str, shots: int = 0) -> Mean:
        """The mean over datasets of the means within them."""
        return mean([self.of(MeanKey(model, shots, d, of)) for d in datasets])

    def spread(self, model: str, datasets: Sequence[str], of: str, shots: int = 0) -> Figure:
        """The mean over datasets of the standard deviation within them."""
        cells = [MeanKey(model, shots, d, of) for d in datasets]
        return Figure(value=float(np.mean([self.spreads[cell] for cell in cells])))

    def degradation(self, model: str, dataset: str, shots: int = 0) -> Mean:
        """Observed minus unobserved on one dataset."""
        return self.of(MeanKey(model, shots, dataset, "observed")) - self.of(
            MeanKey(model, shots, dataset, "unobserved")
        )


def compute(rows: pd.DataFrame, *, seed: int, draws: int) -> Means:
    """Means of all cells.

    Args:
        rows: `released.read_results`'s lines with one more column, `set`.
        seed: Of the draws.
        draws: Bootstrap samples.

    Models that were asked the same instructions share the draws, so that a mean over models is
    not more certain than its instructions.
    """
    rng = np.random.default_rng(seed)
    means: dict[MeanKey, Mean] = {}
    spreads: dict[MeanKey, float] = {}
    sizes: dict[MeanKey, int] = {}
    for (dataset, name), part in rows.groupby(["dataset", "set"], sort=True):
        table = part.pivot(index=_INSTRUCTION, columns=["model", "shots"], values="points")
        asked = [(str(column[0]), int(column[1])) for column in table.columns]
        points = table.to_numpy(dtype=np.float64)
        blocks: dict[bytes, list[int]] = {}
        for position in range(len(asked)):
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
    """(draws, M) means over instructions drawn again, from (I, M) accuracies."""
    n = len(values)
    if n < 2:
        return None
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=draws) / n
    return np.asarray(weights @ values)
