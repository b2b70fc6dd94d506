import numpy as np
import pytest

from robustness.stats import near_duplicates


def test_near_duplicates_share_a_cluster() -> None:
    texts = ["Where is Anna?", "Where is Anna??", "Classify the topic of this text."]
    groups = near_duplicates.clusters(texts)
    assert groups.dtype == np.int64
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize("texts", [[], ["Where is Anna?"]])
def test_none_and_one_text_are_clusters_too(texts: list[str]) -> None:
    assert near_duplicates.clusters(texts).tolist() == [0] * len(texts)


def test_a_wider_cut_joins_more_texts() -> None:
    texts = ["Where is Anna?", "Where is Ben?", "Where was Anna?", "Classify the topic."]
    counts = [len(set(near_duplicates.clusters(texts, cut=cut))) for cut in (0.01, 0.7, 1.5)]
    assert counts[0] == 4
    assert counts[0] > counts[1] > counts[2] == 1


def test_sizes_decide_only_what_the_shares_would_decide() -> None:
    texts = ["abcdefgh" * n + "xyz" * (7 - n) for n in range(8)]
    texts += ["Are both the same?", "Are both of them the same?"]
    grams = [near_duplicates.shingles(t) for t in texts]
    for a in grams:
        for b in grams:
            near = near_duplicates.jaccard(a, b) > near_duplicates.NEAR
            assert near_duplicates.alike(a, b) == near
