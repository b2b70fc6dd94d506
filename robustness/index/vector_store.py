"""Nearest vectors through FAISS: Flat, or a faster index whose recall was measured beside it.

Refuses to know instructions: rows of a matrix in, rows out.
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
"""Vectors up to which every one is compared."""
RECALL = 0.98
"""Least recall@10 of an index that is not Flat."""
K = 10
QUERIES = 256
"""Vectors that recall is measured with, each without itself."""
BLAS_BATCH = 20
"""Queries from which distances are a matrix product; FAISS's own default can be 128,000, where
256 queries take eight times as long."""
FLAT, IVF, HNSW = "flat", "ivf", "hnsw"
_FIRST_PROBES, _FIRST_EF, _MOST_EF = 8, 64, 512
_LARGEST_SHARE = 16
"""An IVF that has to read more than one list in so many is left for HNSW."""
_LINKS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which index serves the vectors, and how well."""

    kind: str
    """`ivf`, `hnsw`, or `flat` where neither reached the recall."""
    recall: float
    """Of the ten nearest, in [0, 1], beside Flat."""
    queries: int
    """That it was measured with."""
    lists: int = 0
    """IVF: into how many the vectors are divided."""
    probes: int = 0
    """IVF: how many of them a query reads."""
    ef: int = 0
    """HNSW: candidates that a query keeps."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorStore:
    """A FAISS index in L2."""

    index: Any
    choice: Choice | None
    """None: Flat."""

    @property
    def width(self) -> int:
        """D."""
        return int(self.index.d)

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        return self.choice is None or self.choice.kind == FLAT

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """The nearest of each query, nearest first.

        Args:
            queries: (N, D) float32.
            k: At the most; fewer where there are fewer.

        Returns:
            (N, K) float32 distances and (N, K) rows.
        """
        k = min(k, len(self))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        faiss.cvar.distance_compute_blas_threshold = BLAS_BATCH
        # FAISS may take the product for a few queries as well, once the threshold is lowered.
        if self.exact:
            squared, rows = self._refined(queries, k)
        else:
            squared, rows = self.index.search(queries, k)
        if (rows < 0).any():
            squared, rows = self._everywhere(queries, k)
        distances: FloatArray = np.sqrt(np.maximum(squared, 0.0)).astype(np.float32, copy=False)
        return distances, rows

    def _everywhere(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """The same among all vectors: more were asked for than the lists that were read hold."""
        if isinstance(self.index, faiss.IndexIVF):
            wide = faiss.SearchParametersIVF()
            wide.nprobe = self.index.nlist
            found: tuple[FloatArray, Rows] = self.index.search(queries, k, params=wide)
            return found
        found = self.index.storage.search(queries, k)
        return found

    def _refined(self, queries: FloatArray, k: int) -> tuple[FloatArray, Rows]:
        """The nearest by a matrix product, ordered by squared differences.

        The product gives |x|^2 - 2xy + |y|^2, which loses what small distances consist of: an
        observed instruction would not lie at 0 from itself in a batch, and the last of the k could
        be the next. So a few more are taken than asked for.
        """
        _, rows = self.index.search(queries, min(k + K, len(self)))
        near = self.index.reconstruct_batch(rows.ravel()).reshape(*rows.shape, self.width)
        near -= queries[:, None, :]
        squared = np.einsum("nkd,nkd->nk", near, near)
        order = np.lexsort((rows, squared), axis=1)[:, :k]
        return np.take_along_axis(squared, order, 1), np.take_along_axis(rows, order, 1)

    def vectors(self) -> FloatArray:
        """(I, D) float32, copied out of the index."""
        return np.asarray(self.index.reconstruct_n(0, len(self)), dtype=np.float32)

    def write(self, path: Path) -> None:
        """Writes the FAISS file."""
        faiss.write_index(self.index, str(path))


def read_store(
    path: Path, count: int, choice: Choice | None, *, mapped: bool = True
) -> VectorStore:
    """Reads a FAISS file; a large one stays on the disk until its pages are asked for.

    Args:
        path: See `Searcher.write`.
        count: Vectors that it should hold.
        choice: What was chosen when it was made.
        mapped: False: always into memory, to be changed.
    """
    if mapped and count > FLAT_MOST:
        # Not every file system can map a file.
        with contextlib.suppress(RuntimeError):
            return VectorStore(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), choice)
    return VectorStore(faiss.read_index(str(path)), choice)


def flat(vectors: FloatArray) -> VectorStore:
    """All of (I, D) float32 vectors compared."""
    made = faiss.IndexFlatL2(vectors.shape[1])
    made.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return VectorStore(made, None)


def choose(vectors: FloatArray) -> VectorStore:
    """Flat for few vectors; for many the first of IVF and HNSW that reaches the recall.

    IVF comes first: vectors can be taken out of it, and its lists are read where they lie on the
    disk. HNSW serves vectors without clusters, which IVF finds only by reading many lists.

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
    """The searcher without some vectors and with others behind the rest.

    An IVF keeps its lists: only the added vectors are put into them. Its recall is measured
    again, more lists are read where it has fallen, and it is chosen anew where that is not enough.

    Args:
        searcher: Not mapped; it must not be used afterwards.
        kept: Rows that stay, ascending.
        added: (A, D) float32.
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
    """(R,) float32: the distance of each row to its nearest other, as queries would find it.

    Args:
        searcher: Of the vectors.
        vectors: (I, D) float32, two at least.
        rows: R of them.
        k: Found for each; more than two, since a duplicate can come before the row itself.
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
    """Untuned IVF and HNSW, each built only when it is asked for."""
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
    """The same with its effort doubled, as long as it is worth it."""
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
    """Rows drawn as queries, and the K nearest others of each by comparison with all."""
    rows = np.random.default_rng(0).choice(
        len(vectors), size=min(QUERIES, len(vectors)), replace=False
    )
    faiss.cvar.distance_compute_blas_threshold = BLAS_BATCH
    _, found = faiss.knn(vectors[rows], vectors, min(K + 1, len(vectors)))
    return rows, _without_self(found, rows)


def _without_self(found: Rows, rows: Rows) -> Rows:
    """(R, K) of (R, K + 1): each row's self taken out, or the last where it is not there."""
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    others: Rows = found[~own].reshape(len(found), -1)
    return others


def _measured(searcher: VectorStore, vectors: FloatArray, sample: Rows, truth: Rows) -> VectorStore:
    """The searcher with its recall on the sample."""
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
    """Gives the vectors of an IVF the rows that they have after others were taken out."""
    rows = np.full(before, -1, dtype=np.int64)
    rows[kept] = np.arange(len(kept))
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            ids = faiss.rev_swig_ptr(index.invlists.get_ids(number), size)
            ids[:] = rows[ids]
