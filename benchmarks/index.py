"""Times searches in a big observed index against raw FAISS, and measures their recall.

`python benchmarks/index.py [--json] [--vectors N] [--runs N] [--claims NAME ...]`

Protocol and figures: benchmarks/README.md. One thread; both sides take turns, and the ratio of
each run is taken by itself.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["OMP_NUM_THREADS"] = "1"  # Read when FAISS is loaded.

import faiss
import numpy as np
from table import Line, hold, save, shown
from tqdm import tqdm

from robustness.index import neighbours, vector_store
from robustness.index.neighbours import PointSet
from robustness.index.vector_store import VectorStore
from robustness.types import FloatArray

WIDTH, K = 384, 10
CLAIMS = ("one", "batch", "recall", "flat-slow-peer", "flat")
A_CLUSTER = 100
SPREAD = 0.5
ONE_BY_ONE, BATCH = 256, 256
FLAT = 100_000
NO_BLAS = 128_000
"""FAISS's own threshold in the packages where a batch is slow."""


@dataclass
class Claim:
    """A line of the table."""

    claim: str
    peer: str
    bound: str
    """Which of `claims.BOUNDS` it is held against; empty: none."""
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """(peer, ours), a run each."""
    values: list[float] = field(default_factory=list)
    """A run each."""

    def document(self) -> dict[str, object]:
        """What --json prints."""
        return asdict(self) | {
            "ratio": statistics.median(self.values), "low": min(self.values),
            "high": max(self.values), "runs": len(self.values),
        }

    def line(self) -> Line:
        """Its line in the table of all benchmarks."""
        return Line(
            claim=self.claim, peer=self.peer, ratio=statistics.median(self.values),
            low=min(self.values), high=max(self.values), count=len(self.values),
            bound=self.bound,
        )


def clustered(count: int, seed: int) -> FloatArray:
    """(count, WIDTH) float32 around centres that every seed shares, A_CLUSTER of a million each."""
    centres = np.random.default_rng(0).standard_normal((1_000_000 // A_CLUSTER, WIDTH), np.float32)
    draw = np.random.default_rng(seed)
    made = draw.standard_normal((count, WIDTH), dtype=np.float32)
    made *= SPREAD
    for start in range(0, count, 10_000):
        part = made[start : start + 10_000]
        part += centres[draw.integers(len(centres), size=len(part))]
    return made


def seconds(call: Callable[[], Any]) -> float:
    """Wall-clock seconds of a call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def raw(searcher: VectorStore, queries: FloatArray, threshold: int) -> Any:
    """A search by FAISS alone."""
    faiss.cvar.distance_compute_blas_threshold = threshold
    return searcher.index.search(queries, K)


def one_by_one(claim: Claim, points: PointSet, runs: int) -> Claim:
    """Ratio ours / raw FAISS of single queries; both alternate, the shortest of three counts."""
    for run in range(runs):
        queries = clustered(ONE_BY_ONE, 100 + run)
        spent = [0.0, 0.0]
        for n in range(ONE_BY_ONE):
            query = queries[n : n + 1]
            calls = [
                lambda q=query: raw(points.searcher, q, vector_store.BLAS_BATCH),
                lambda q=query: points.search(q, K),
            ]
            # Neither side pays for lists that are not in the cache yet.
            calls[0]()
            shortest = [min(pair) for pair in zip(
                *([seconds(call) for call in calls] for _ in range(3)), strict=True
            )]
            spent = [a + b for a, b in zip(spent, shortest, strict=True)]
        claim.seconds.append((spent[0], spent[1]))
        claim.values.append(spent[1] / spent[0])
    return claim


def batches(
    claim: Claim, points: PointSet, runs: int, threshold: int, *, inverse: bool = False
) -> Claim:
    """Ratio of the times of a batch, by raw FAISS at a threshold and by ours; both alternate."""
    points.search(clustered(BATCH, 7), K)
    for run in range(runs):
        queries = clustered(BATCH, 200 + run)
        # Neither side pays for lists that are not in the cache yet.
        raw(points.searcher, queries, vector_store.BLAS_BATCH)
        calls = [
            lambda q=queries: raw(points.searcher, q, threshold),
            lambda q=queries: points.search(q, K),
        ]
        # Whoever comes second finds the machine as the first has left it: each is first in turn.
        order = (0, 1) if run % 2 == 0 else (1, 0)
        spent = {side: seconds(calls[side]) for side in order}
        theirs, ours = spent[0], spent[1]
        claim.seconds.append((theirs, ours))
        claim.values.append(theirs / ours if inverse else ours / theirs)
    return claim


def recalls(claim: Claim, points: PointSet, vectors: FloatArray, runs: int) -> Claim:
    """Recall: share of the ten nearest of new queries that the index finds."""
    for run in range(runs):
        queries = clustered(BATCH, 300 + run)
        faiss.cvar.distance_compute_blas_threshold = vector_store.BLAS_BATCH
        began = time.perf_counter()
        _, truth = faiss.knn(queries, vectors, K)
        between = time.perf_counter()
        _, found = points.searcher.search(queries, K)
        claim.seconds.append((between - began, time.perf_counter() - between))
        claim.values.append(float((found[:, :, None] == truth[:, None, :]).any(axis=2).mean()))
    return claim


def measured(
    count: int, runs: int, names: Sequence[str], folder: Path
) -> tuple[list[Claim], dict[str, object]]:
    """The claims asked for, and what the big index is."""
    vectors = clustered(count, 1)
    built: list[VectorStore] = []
    facts: dict[str, object] = {"vectors": count, "width": WIDTH, "runs": runs}
    facts["seconds_to_choose_and_build"] = seconds(
        lambda: built.append(vector_store.choose(vectors))
    )
    choice = built[0].choice
    gaps: list[FloatArray] = []
    facts["seconds_for_leave_one_out"] = seconds(
        lambda: gaps.append(neighbours.left_out(built[0], vectors))
    )
    built.pop().write(folder / "big.faiss")
    facts["choice"] = choice and asdict(choice)
    facts["file_megabytes"] = (folder / "big.faiss").stat().st_size / 1e6
    facts["seconds_to_read"] = seconds(
        lambda: built.append(vector_store.read_store(folder / "big.faiss", count, choice))
    )
    tqdm.write(json.dumps(facts), file=sys.stderr)
    points = PointSet(tuple(f"{n:016x}" for n in range(count)), built.pop(), gaps.pop())
    flat = neighbours.point_set([f"{n:016x}" for n in range(min(count, FLAT))], vectors[:FLAT])
    kind = choice.kind if choice else "flat"
    on = f"{count:,} vectors ({kind})"
    known = {
        "one": lambda: one_by_one(
            Claim(f"one query, {on}: ours / peer", "raw FAISS, same index", "one query"),
            points, runs,
        ),
        "batch": lambda: batches(
            Claim(f"batch of {BATCH}, {on}: ours / peer", "raw FAISS, same index", "batch"),
            points, runs, vector_store.BLAS_BATCH,
        ),
        "recall": lambda: recalls(
            Claim(f"recall@10, {on}", "Flat, exact", "recall"), points, vectors, runs
        ),
        "flat-slow-peer": lambda: batches(
            Claim(
                f"batch of {BATCH}, {len(flat.ids):,} vectors (flat): peer / ours",
                f"raw FAISS, BLAS from {NO_BLAS:,} queries on", "",
            ),
            flat, runs, NO_BLAS, inverse=True,
        ),
        "flat": lambda: batches(
            Claim(
                f"batch of {BATCH}, {len(flat.ids):,} vectors (flat): ours / peer",
                f"raw FAISS, BLAS from {vector_store.BLAS_BATCH} queries on", "flat batch",
            ),
            flat, runs, vector_store.BLAS_BATCH,
        ),
    }
    claims = []
    for name in names:
        claims.append(known[name]())
        tqdm.write(json.dumps(claims[-1].document()), file=sys.stderr)
    return claims, facts


def main() -> None:
    """Prints one table, or one JSON document."""
    parser = argparse.ArgumentParser(description="A big index beside raw FAISS and beside Flat")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--vectors", type=int, default=1_000_000, help="default: 1,000,000")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    parser.add_argument("--claims", nargs="+", choices=CLAIMS, default=CLAIMS)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        claims, facts = measured(
            arguments.vectors, arguments.runs, arguments.claims, Path(folder)
        )
    lines = [claim.line() for claim in claims]
    save("index", lines)
    if arguments.json:
        print(json.dumps(facts | {"claims": [claim.document() for claim in claims]}, indent=1))
    else:
        print(shown(lines))
    hold(lines)


if __name__ == "__main__":
    main()
