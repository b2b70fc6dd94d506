"""Split-conformal intervals, cross-fitted over clusters of near-duplicate instructions.

Refuses to know what is predicted: texts, targets and a way to fit come in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer

from robustness.errors import InputError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Fitted = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Fitted]
"""(X, y) -> (X -> y): a regression."""

LIMIT = 100.0
"""Degradation never leaves [-100, 100] points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What is added to a prediction, in the target's unit."""

    low: float
    high: float


def clusters(texts: Sequence[str], *, cut: float = 0.5) -> npt.NDArray[np.int64]:
    """(N,) cluster numbers: average linkage on the cosine distance of character TF-IDF.

    Args:
        texts: Instructions.
        cut: Distance at which clusters are no longer joined.
    """
    if len(texts) < 2:
        return np.zeros(len(texts), dtype=np.int64)
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    distances = np.clip(1.0 - (weights @ weights.T).toarray(), 0.0, 2.0)
    joined = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=cut
    )
    return np.asarray(joined.fit_predict(distances), dtype=np.int64)


def folds(groups: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> list[Mask]:
    """Masks (N,) of the held-out rows; a cluster is never divided.

    Raises:
        InputError: There are fewer than two clusters.
    """
    names = rng.permutation(np.unique(groups))
    if len(names) < 2:
        raise InputError(
            f"calibration needs at least two clusters of instructions, found {len(names)}"
        )
    parts = np.array_split(names, min(count, len(names)))
    return [np.isin(groups, part) for part in parts]


def cross_fit(x: Floats, y: Floats, held_out: Sequence[Mask], fit: Fit) -> Floats:
    """(N,) predictions, each by a regression that saw nothing of its cluster."""
    predicted = np.empty_like(y)
    for mask in held_out:
        outside = ~mask
        predicted[mask] = fit(x[outside], y[outside])(x[mask])
    return predicted


def band(residuals: Floats, coverage: float) -> Band:
    """The two conformal quantiles of residuals y - prediction, each with half of the error.

    With too few residuals for a quantile the band is as wide as the unit allows.
    """
    ordered = np.sort(residuals)
    n = len(ordered)
    tail = (1.0 - coverage) / 2.0
    # A tolerance, so that 0.1 / 2 * 20 counts as one and not as a hair less.
    below = int(np.floor((n + 1) * tail + 1e-9))
    above = int(np.ceil((n + 1) * (1.0 - tail) - 1e-9))
    return Band(
        low=float(ordered[below - 1]) if below >= 1 else -LIMIT,
        high=float(ordered[above - 1]) if above <= n else LIMIT,
    )


def covered(residuals: Floats, held_out: Sequence[Mask], coverage: float) -> Mask:
    """(N,) whether a residual lies inside the band of the other folds' residuals."""
    inside = np.zeros(len(residuals), dtype=bool)
    for mask in held_out:
        other = band(residuals[~mask], coverage)
        inside[mask] = (residuals[mask] >= other.low) & (residuals[mask] <= other.high)
    return inside
