"""Finds near-duplicate texts: clusters by character TF-IDF, and Jaccard similarity of shingles.

Clusters keep near-duplicates on one side of a split. Jaccard similarity compares two given texts
and is faster.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

CUT = 0.5
"""Distance at which clusters are no longer joined."""
NEAR = 0.6
"""Jaccard similarity above which two texts are near-duplicates."""


def clusters(texts: Sequence[str], *, cut: float = CUT) -> npt.NDArray[np.int64]:
    """Cluster numbers: average linkage on the cosine distance of character TF-IDF.

    Args:
        texts: N texts.
        cut: Distance at which clusters are no longer joined.

    Returns:
        (N,) int64.
    """
    if len(texts) < 2:
        return np.zeros(len(texts), dtype=np.int64)
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    joined = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=cut
    )
    return np.asarray(joined.fit_predict(cosine_distances(weights)), dtype=np.int64)


def shingles(text: str, size: int = 5) -> frozenset[str]:
    """Character n-grams of a text, after lower-casing it and folding runs of white space."""
    folded = " ".join(text.lower().split())
    return frozenset(folded[i : i + size] for i in range(max(1, len(folded) - size + 1)))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Jaccard similarity of two sets of shingles: shared over all, in [0, 1]."""
    return len(first & second) / len(first | second)


def alike(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether two texts, given by their shingles, are near-duplicates."""
    # The similarity is at most small / large, which is much faster to compare.
    small, large = sorted((len(first), len(second)))
    return small > NEAR * large and jaccard(first, second) > NEAR
