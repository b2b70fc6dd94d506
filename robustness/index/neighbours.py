"""Nearest-neighbour search among observed instructions, and percentiles of the distances.

A distance means little by itself. It is compared with the leave-one-out distances: the distance of
each observed instruction to the nearest other observed one. Does not compute representations; see
`representations`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robustness.errors import InputError, MismatchError
from robustness.index import vector_store
from robustness.index.vector_store import VectorStore
from robustness.stats.percentile import percentile
from robustness.types import FloatArray, Neighbours

PAIRWISE = 1000
"""Number of points up to which leave-one-out distances are computed when an index is loaded; for
more points they are saved with the index."""
SAMPLE = 10_000
"""Number of points for which a leave-one-out distance is computed, at most; the standard error of
a percentile is then at most half a point."""
_BLOCK = 2**22
"""Numbers in one block of pairwise differences."""


@dataclass(frozen=True, slots=True, eq=False)
class PointSet:
    """Observed instructions as points of a vector space with L2 distance."""

    ids: tuple[str, ...]
    searcher: VectorStore
    left_out: FloatArray
    """(min(I, SAMPLE),) float32: leave-one-out distances; empty for fewer than two points."""
    rows: Mapping[str, int] = field(init=False, repr=False)
    """Instruction id -> its position in `ids`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {i: n for n, i in enumerate(self.ids)})

    @property
    def vectors(self) -> FloatArray:
        """(I, D) float32: the points, copied out of the vector store."""
        return self.searcher.vectors()

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        """The k nearest points of each query.

        Args:
            queries: (N, D) float32.
            k: How many at most; there are no more than points.

        Raises:
            MismatchError: The queries do not have the points' dimension D.
        """
        if queries.ndim != 2 or queries.shape[1] != self.searcher.width:
            raise MismatchError(
                f"queries have shape {queries.shape}, the index holds vectors of width "
                f"{self.searcher.width}"
            )
        distances, rows = self.searcher.search(queries, k)
        return Neighbours(
            ids=tuple(tuple(self.ids[r] for r in row) for row in rows.tolist()),
            distances=distances,
        )

    def percentile(self, distance: float) -> float:
        """Percentage (0 to 100) of leave-one-out distances that are smaller; NaN without any."""
        return percentile(self.left_out, distance)

    @property
    def scale(self) -> float:
        """Median leave-one-out distance, the unit of relative distances; NaN where undefined."""
        median = float(np.median(self.left_out)) if self.left_out.size else float("nan")
        return median if median > 0 else float("nan")


def point_set(ids: Sequence[str], vectors: FloatArray) -> PointSet:
    """Puts vectors into a vector store and computes their leave-one-out distances.

    Args:
        ids: I instruction ids.
        vectors: (I, D) float32.

    Raises:
        InputError: There are no points.
    """
    if not len(ids):
        raise InputError("an index needs at least one observed instruction")
    made = vector_store.choose(vectors)
    return PointSet(tuple(ids), made, left_out(made, vectors))


def left_out(searcher: VectorStore, vectors: FloatArray) -> FloatArray:
    """Leave-one-out distances: from each point to the nearest other point.

    For more than `PAIRWISE` points, a random sample of at most `SAMPLE` points is searched in the
    vector store. That avoids the (I, I) matrix of all pairs, and where the store is approximate the
    percentile of a query compares two distances that were found in the same way.

    Args:
        searcher: The vector store that holds the vectors.
        vectors: (I, D) float32.

    Returns:
        (min(I, SAMPLE),) float32; empty for fewer than two points.
    """
    count = len(vectors)
    if count < 2:
        return np.empty(0, dtype=np.float32)
    if count > PAIRWISE:
        rows = np.random.default_rng(0).permutation(count)[:SAMPLE]
        return vector_store.nearest_other(searcher, vectors, np.sort(rows))
    gaps = np.empty(count, dtype=np.float32)
    step = max(1, _BLOCK // vectors.size)
    for start in range(0, count, step):
        part = vectors[start : start + step]
        pairs = np.linalg.norm(part[:, None, :] - vectors[None, :, :], axis=2)
        pairs[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        gaps[start : start + len(part)] = pairs.min(axis=1)
    return gaps
