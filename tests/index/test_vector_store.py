from pathlib import Path

import faiss
import numpy as np
import pytest

from robustness.index import neighbours, vector_store
from robustness.types import FloatArray


def clustered(count: int, *, seed: int = 0, width: int = 16) -> FloatArray:
    centres = np.random.default_rng(0).standard_normal((40, width), dtype=np.float32) * 4
    draw = np.random.default_rng(seed)
    noise = draw.standard_normal((count, width), dtype=np.float32)
    return (centres[draw.integers(len(centres), size=count)] + noise).astype(np.float32)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> int:
    """More vectors than Flat is meant for, here."""
    monkeypatch.setattr(vector_store, "FLAT_MOST", 2000)
    monkeypatch.setattr(vector_store, "_LARGEST_SHARE", 2)
    return 4000


def recall(searcher: vector_store.VectorStore, vectors: FloatArray) -> float:
    queries = clustered(200, seed=5)
    _, truth = faiss.knn(queries, vectors, 10)
    _, found = searcher.search(queries, 10)
    return float((found[:, :, None] == truth[:, None, :]).any(axis=2).mean())


def test_few_vectors_are_all_compared() -> None:
    made = vector_store.choose(clustered(500))
    assert made.choice is None
    assert made.exact


def test_many_vectors_get_an_index_with_the_recall_that_it_says(many: int) -> None:
    vectors = clustered(many)
    made = vector_store.choose(vectors)
    assert made.choice is not None
    assert made.choice.kind == vector_store.IVF
    assert made.choice.recall >= vector_store.RECALL
    assert recall(made, vectors) == pytest.approx(made.choice.recall, abs=0.02)
    np.testing.assert_array_equal(made.vectors(), vectors)


def test_hnsw_serves_what_ivf_would_find_only_by_reading_everything(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_store, "_LARGEST_SHARE", 10**6)
    vectors = np.random.default_rng(0).standard_normal((many, 16), dtype=np.float32)
    made = vector_store.choose(vectors)
    assert made.choice is not None
    assert made.choice.kind == vector_store.HNSW
    assert made.choice.recall >= vector_store.RECALL


def test_flat_is_kept_where_nothing_reaches_the_recall(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_store, "RECALL", 1.1)
    made = vector_store.choose(clustered(many))
    assert made.exact
    assert made.choice is not None
    assert (made.choice.kind, made.choice.recall) == (vector_store.FLAT, 1.0)


def test_a_batch_finds_what_its_queries_find_alone() -> None:
    vectors = clustered(900) + 100.0
    made = vector_store.choose(vectors)
    distances, rows = made.search(vectors[:64], 5)
    assert distances[:, 0].max() == 0.0
    for n in range(64):
        alone, alone_rows = made.search(vectors[n : n + 1], 5)
        np.testing.assert_array_equal(rows[n], alone_rows[0])
        np.testing.assert_allclose(distances[n], alone[0], rtol=1e-5)


def test_more_neighbours_than_the_lists_hold_are_found_everywhere(many: int) -> None:
    vectors = clustered(many)
    made = vector_store.choose(vectors)
    _, rows = made.search(vectors[:1], many)
    assert sorted(rows[0].tolist()) == list(range(many))


def test_a_big_file_is_mapped_and_gives_the_same(many: int, tmp_path: Path) -> None:
    vectors = clustered(many)
    made = vector_store.choose(vectors)
    path = tmp_path / "big.faiss"
    made.write(path)
    mapped = vector_store.read_store(path, many, made.choice)
    for one, other in zip(made.search(vectors[:9], 4), mapped.search(vectors[:9], 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert str(path) in Path("/proc/self/maps").read_text()


def test_vectors_are_put_in_and_taken_out_without_making_the_lists_again(
    many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, more = clustered(many), clustered(300, seed=9)
    path = tmp_path / "big.faiss"
    made = vector_store.choose(vectors)
    made.write(path)
    monkeypatch.setattr(vector_store, "choose", lambda _: pytest.fail("the index was made again"))
    kept = np.setdiff1d(np.arange(many), np.arange(0, many, 7))
    changed = vector_store.changed(
        vector_store.read_store(path, many, made.choice, mapped=False), kept, more
    )
    wanted = np.concatenate([vectors[kept], more])
    np.testing.assert_array_equal(changed.vectors(), wanted)
    assert changed.choice is not None
    assert changed.choice.recall >= vector_store.RECALL
    assert recall(changed, wanted) >= 0.96


def test_leave_one_out_distances_of_many_are_those_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = clustered(700)
    vectors[5] = vectors[6]
    made = vector_store.choose(vectors)
    pairs = neighbours.left_out(made, vectors)
    monkeypatch.setattr(neighbours, "PAIRWISE", 10)
    np.testing.assert_allclose(neighbours.left_out(made, vectors), pairs, atol=1e-5)
    assert pairs[5] == pairs[6] == 0.0
    monkeypatch.setattr(neighbours, "SAMPLE", 100)
    assert neighbours.left_out(made, vectors).shape == (100,)
