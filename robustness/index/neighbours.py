"""Observed instructions as points: the nearest of a query, and how far apart they lie themselves.

Refuses to know what the points were read from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robustness.errors import InputError, MismatchError
from robustness.index import vector_store
from robustness.index.vector_store import VectorStore
from robustness.types import FloatArray, Neighbours

PAIRWISE = 1000
"""Points up to which leave-one-out distances are computed when an index is loaded; of more they
are kept beside it."""
SAMPLE = 10_000
"""Points whose leave-one-out distance is taken; a percentile's standard error is then at most
half a point."""
_BLOCK = 2**22
"""Numbers in one block of differences."""


@dataclass(frozen=True, slots=True, eq=False)
class PointSet:
    """Observed instructions as points, in L2 distance."""

    ids: tuple[str, ...]
    searcher: VectorStore
    left_out: FloatArray
    """(min(I, SAMPLE),) float32: distances to the nearest other; empty for fewer than two."""
    rows: Mapping[str, int] = field(init=False, repr=False)
    """Id -> its place in `ids`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {i: n for n, i in enumerate(self.ids)})

    @property
    def vectors(self) -> FloatArray:
        """(I, D) float32, copied out of the searcher."""
        return self.searcher.vectors()

    def search(self, queries: FloatArray, k: int) -> Neighbours:
        """The k nearest of each query.

        Args:
            queries: (N, D) float32.
            k: At the most; fewer where there are fewer.

        Raises:
            MismatchError: The queries have another width.
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
        """Share (0 to 100) of the leave-one-out distances that are smaller; NaN without any."""
        if not self.left_out.size:
            return float("nan")
        return float(np.mean(self.left_out < distance) * 100.0)

    @property
    def scale(self) -> float:
        """Median leave-one-out distance: the unit of relative distances; NaN where undefined."""
        median = float(np.median(self.left_out)) if self.left_out.size else float("nan")
        return median if median > 0 else float("nan")


def point_set(ids: Sequence[str], vectors: FloatArray) -> PointSet:
    """Points with their leave-one-out distances.

    Args:
        ids: I of them.
        vectors: (I, D) float32.

    Raises:
        InputError: There are no points.
    """
    if not len(ids):
        raise InputError("an index needs at least one observed instruction")
    made = vector_store.choose(vectors)
    return PointSet(tuple(ids), made, left_out(made, vectors))


def left_out(searcher: VectorStore, vectors: FloatArray) -> FloatArray:
    """(min(I, SAMPLE),) float32: distances to the nearest other; empty for fewer than two.

    Those of more than `PAIRWISE` points come from the searcher itself, so that no matrix of all
    pairs is made, and a percentile compares like with like where the searcher is not exact.

    Args:
        searcher: Of the vectors.
        vectors: (I, D) float32.
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
