"""A vector store on FAISS: exact search for few vectors, IVF or HNSW for many.

Up to `FLAT_MOST` vectors every query is compared with every vector (FAISS's Flat), which is exact.
For more, an approximate index is built and its recall@10 is measured against exact search on
`QUERIES` vectors of the store itself, each without itself. Its effort is doubled until the recall
reaches `RECALL`:

    IVF   divides the vectors into about 2 sqrt(I) lists by k-means; a query compares the vectors of
          the `probes` lists whose centroids are nearest. It is tried first, since vectors can be
          removed from it and its lists can stay on the disk.
    HNSW  links each vector to near ones; a query walks along the links and keeps the best `ef`
          candidates. It serves vectors without clusters, where a query's neighbours are spread over
          many lists and IVF would have to probe most of them.

If neither reaches the recall, the store stays Flat.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from robustness.types import FloatArray

Rows = npt.NDArray[np.int64]

FLAT_MOST = 100_000
"""Number of vectors up to which search is exact."""
RECALL = 0.98
"""Recall@10 that an approximate index must reach."""
K = 10
"""Neighbours of each query over which recall is measured."""
QUERIES = 256
"""Number of queries with which recall is measured."""
BLAS_BATCH = 20
"""Number of queries from which FAISS computes distances by a matrix product. Its default depends on
the build and can be 128,000, with which 256 queries take eight times as long."""
FLAT, IVF, HNSW = "flat", "ivf", "hnsw"
_FIRST_PROBES, _FIRST_EF, _MOST_EF = 8, 64, 512
_LARGEST_SHARE = 16
"""If IVF must probe more than 1/16 of its lists to reach the target recall, HNSW is used."""
_LINKS = 32
"""Links of a vector in HNSW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which kind of FAISS index a store uses, its settings, and its measured recall."""

    kind: str
    """`ivf`, `hnsw`, or `flat` where neither reached the recall."""
    recall: float
    """Recall@10 against exact search, in [0, 1]."""
    queries: int
    """Number of queries that it was measured with."""
    lists: int = 0
    """IVF: number of lists."""
    probes: int = 0
    """IVF: lists that a query searches (`nprobe`)."""
    ef: int = 0
    """HNSW: candidates that a query keeps (`efSearch`)."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorStore:
    """Vectors in a FAISS index, searched by L2 distance."""

    index: Any
    """The FAISS index."""
    choice: Choice | None
    """None: Flat, because there are few vectors."""

    @property
    def width(self) -> int:
        """Dimension D of the vectors."""
        return int(self.index.d)

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def exact(self) -> bool:
        """Whether search is exact: every vector is compared with the query."""
        return self.choice is None or self.choice.kind == FLAT

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """The k nearest vectors of each query, nearest first.

        Args:
            queries: (N, D) float32.
            k: How many at most; there are no more than vectors.

        Returns:
            (N, K) float32 L2 distances, and (N, K) int64 rows of the vectors.
        """
        k = min(k, len(self))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        faiss.cvar.distance_compute_blas_threshold = BLAS_BATCH
        # With a lower threshold FAISS may use the matrix product for a few queries as well, so
        # every exact search is refined.
        if self.exact:
            squared, rows = self._refined(queries, k)
        else:
            squared, rows = self.index.search(queries, k)
        # FAISS returns row -1 where it found fewer than k.
        if (rows < 0).any():
            squared, rows = self._everywhere(queries, k)
        distances: FloatArray = np.sqrt(np.maximum(squared, 0.0)).astype(np.float32, copy=False)
        return distances, rows

    def _everywhere(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """Searches all lists: the probed ones hold fewer than k vectors."""
        if isinstance(self.index, faiss.IndexIVF):
            wide = faiss.SearchParametersIVF()
            wide.nprobe = self.index.nlist
            found: tuple[FloatArray, Rows] = self.index.search(queries, k, params=wide)
            return found
        found = self.index.storage.search(queries, k)
        return found

    def _refined(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """Exact search whose distances are computed again from differences.

        The matrix product gives |x - y|^2 as |x|^2 - 2xy + |y|^2. In float32 this difference of
        large numbers is inaccurate where the distance is small: an observed instruction would not
        be at distance 0 from itself, and close candidates could come in the wrong order. So K more
        candidates than asked for are found by the product, and ordered by sum((x - y)^2).

        Returns:
            (N, k) float32 squared distances and (N, k) int64 rows; equal distances by row.
        """
        _, rows = self.index.search(queries, min(k + K, len(self)))
        near = self.index.reconstruct_batch(rows.ravel()).reshape(*rows.shape, self.width)
        near -= queries[:, None, :]
        squared = np.einsum("nkd,nkd->nk", near, near)
        order = np.lexsort((rows, squared), axis=1)[:, :k]
        return np.take_along_axis(squared, order, 1), np.take_along_axis(rows, order, 1)

    def vectors(self) -> FloatArray:
        """(I, D) float32: all vectors, copied out of the index."""
        return np.asarray(self.index.reconstruct_n(0, len(self)), dtype=np.float32)

    def write(self, path: Path) -> None:
        """Writes the vectors as a FAISS file."""
        faiss.write_index(self.index, str(path))


def read_store(
    path: Path, count: int, choice: Choice | None, *, mapped: bool = True
) -> VectorStore:
    """Reads a FAISS file that `VectorStore.write` wrote.

    Args:
        path: The file.
        count: Number of vectors that it should hold.
        choice: Kind and settings of the index when it was made.
        mapped: Whether a large file may be memory-mapped, so that its pages are read when they are
            used. A mapped store cannot be changed.
    """
    if mapped and count > FLAT_MOST:
        # Not every file system supports memory mapping; then the file is read below.
        with contextlib.suppress(RuntimeError):
            return VectorStore(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), choice)
    return VectorStore(faiss.read_index(str(path)), choice)


def flat(vectors: FloatArray) -> VectorStore:
    """An exact store of (I, D) float32 vectors."""
    made = faiss.IndexFlatL2(vectors.shape[1])
    made.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return VectorStore(made, None)


def choose(vectors: FloatArray) -> VectorStore:
    """Makes the store for some vectors: Flat, IVF or HNSW, as the module describes.

    Args:
        vectors: (I, D) float32.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if len(vectors) <= FLAT_MOST:
        return flat(vectors)
    sample, truth = _truth(vectors)
    for candidate in _candidates(vectors):
        for tuned in _tuned(candidate):
            made = _measured(tuned, vectors, sample, truth)
            if made.choice is not None and made.choice.recall >= RECALL:
                return made
    exact = flat(vectors)
    return VectorStore(exact.index, Choice(kind=FLAT, recall=1.0, queries=len(sample)))


def changed(searcher: VectorStore, kept: Rows, added: FloatArray) -> VectorStore:
    """The store with only some of its vectors, followed by new ones.

    An IVF index keeps its lists, and the new vectors are put into them. Its recall is then measured
    again: where it has fallen, more lists are probed, and where that is not enough a new index is
    built.

    Args:
        searcher: A store that is not memory-mapped; it must not be used afterwards.
        kept: (R,) int64: rows that stay, ascending.
        added: (A, D) float32: new vectors.
    """
    vectors = np.concatenate([searcher.vectors()[kept], added]).astype(np.float32, copy=False)
    index = searcher.index
    if len(vectors) <= FLAT_MOST or not isinstance(index, faiss.IndexIVF):
        return choose(vectors)
    before = len(searcher)
    if len(kept) < before:
        gone = np.setdiff1d(np.arange(before), kept).astype(np.int64)
        index.remove_ids(faiss.IDSelectorBatch(gone))
        _renumber(index, kept, before)
    index.add(np.ascontiguousarray(added, dtype=np.float32))
    sample, truth = _truth(vectors)
    for tuned in _tuned(searcher):
        made = _measured(tuned, vectors, sample, truth)
        if made.choice is not None and made.choice.recall >= RECALL:
            return made
    return choose(vectors)


def nearest_other(
    searcher: VectorStore, vectors: FloatArray, rows: Rows, *, k: int = 4
) -> FloatArray:
    """The distance of some rows to their nearest other row, as the store finds it.

    Args:
        searcher: The store that holds the vectors.
        vectors: (I, D) float32, at least two.
        rows: (R,) int64: rows to search for.
        k: Neighbours searched for each; more than two, since with duplicates the row itself need
            not come first.

    Returns:
        (R,) float32 L2 distances.
    """
    gaps = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), QUERIES):
        part = rows[start : start + QUERIES]
        distances, found = searcher.search(vectors[part], k)
        gaps[start : start + len(part)] = np.where(
            found == part[:, None], np.inf, distances
        ).min(axis=1)
    return gaps


def _candidates(vectors: FloatArray) -> Iterator[VectorStore]:
    """IVF, then HNSW, at their least effort; the second is built only if the first is not used."""
    width = vectors.shape[1]
    lists = int(2 ** round(np.log2(2.0 * np.sqrt(len(vectors)))))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, lists)
    ivf.cp.max_points_per_centroid = 64
    ivf.train(vectors)
    ivf.add(vectors)
    yield VectorStore(
        ivf,
        Choice(kind=IVF, recall=0.0, queries=0, lists=lists, probes=min(_FIRST_PROBES, lists)),
    )
    hnsw = faiss.IndexHNSWFlat(width, _LINKS)
    hnsw.add(vectors)
    yield VectorStore(hnsw, Choice(kind=HNSW, recall=0.0, queries=0, ef=_FIRST_EF))


def _tuned(searcher: VectorStore) -> Iterator[VectorStore]:
    """The store at rising effort: doubled each time, up to 1/16 of the lists or the largest ef."""
    choice = searcher.choice
    while choice is not None:
        if choice.kind == IVF:
            searcher.index.nprobe = choice.probes
            following = replace(choice, probes=2 * choice.probes)
            enough = following.probes > choice.lists // _LARGEST_SHARE
        else:
            searcher.index.hnsw.efSearch = choice.ef
            following = replace(choice, ef=2 * choice.ef)
            enough = following.ef > _MOST_EF
        yield VectorStore(searcher.index, choice)
        choice = None if enough else following


def _truth(vectors: FloatArray) -> tuple[Rows, Rows]:
    """(R,) rows drawn at random as queries, and (R, K) the nearest others by exact search."""
    rows = np.random.default_rng(0).choice(
        len(vectors), size=min(QUERIES, len(vectors)), replace=False
    )
    faiss.cvar.distance_compute_blas_threshold = BLAS_BATCH
    _, found = faiss.knn(vectors[rows], vectors, min(K + 1, len(vectors)))
    return rows, _without_self(found, rows)


def _without_self(found: Rows, rows: Rows) -> Rows:
    """(R, K) from (R, K + 1) neighbours: without the row itself, or the last if it is not there."""
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    others: Rows = found[~own].reshape(len(found), -1)
    return others


def _measured(searcher: VectorStore, vectors: FloatArray, sample: Rows, truth: Rows) -> VectorStore:
    """The store with its recall: the share of the (R, K) true neighbours that it finds."""
    _, found = searcher.search(vectors[sample], truth.shape[1] + 1)
    found = _without_self(found, sample)
    hits = (found[:, :, None] == truth[:, None, :]).any(axis=2)
    if searcher.choice is None:
        return searcher
    return VectorStore(
        searcher.index,
        replace(searcher.choice, recall=float(hits.mean()), queries=len(sample)),
    )


def _renumber(index: Any, kept: Rows, before: int) -> None:
    """Renumbers the vectors of an IVF index, in place, after others were removed.

    FAISS keeps the old ids of the remaining vectors; the store's ids are rows, without gaps.
    """
    rows = np.full(before, -1, dtype=np.int64)
    rows[kept] = np.arange(len(kept))
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            ids = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
            ids[:] = rows[ids]
