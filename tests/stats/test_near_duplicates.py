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


FRAME = (
    "You take part in a study of reading. Below is one item. Read it slowly, think about what it "
    "says and what is asked, and write down nothing but your answer, without an explanation. "
)
PHRASES = [
    "Where is Anna?", "Where is Anna now?", "Tell me where Anna is.", "Tell me where Anna is now.",
    "Name the topic of this text.", "Name this text's topic.", "What is the text about?",
    "Is the review good or bad?", "Is this review good or bad?", "Translate it into Dutch.",
]


def test_a_frame_that_all_texts_share_joins_no_clusters() -> None:
    alone = near_duplicates.clusters(PHRASES)
    framed = near_duplicates.clusters([FRAME + text for text in PHRASES])
    assert len(set(alone)) >= 5
    pairs = [(a, b) for a in range(len(PHRASES)) for b in range(a)]
    assert [framed[a] == framed[b] for a, b in pairs] == [alone[a] == alone[b] for a, b in pairs]


def test_equal_texts_share_a_cluster_whatever_the_others_are() -> None:
    for others in ([], ["Where is Ben?"], PHRASES):
        groups = near_duplicates.clusters(["Where is Anna?", "Where is Anna?", *others])
        assert groups[0] == groups[1]
    assert set(near_duplicates.clusters(["The same."] * 5).tolist()) == {0}
