"""Clusters near-duplicate texts by their character n-grams, so that a split keeps them on one side.

Does not compare two given texts; see `shingles.py`, which needs no scikit-learn.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_distances

CUT = 0.85
"""Distance at which clusters are no longer joined, over the median distance between two texts."""
_LEAST_CUT = 0.2
"""The cut's lower bound, for texts that are all alike."""


def clusters(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Cluster numbers: average linkage on what differs between the texts.

    Texts are compared by the cosine distance of their character n-grams, each weighted by its
    frequency times log((1 + N) / number of texts with it). What nearly all texts share (a long
    common frame around short paraphrases) then weighs nearly nothing, so that it makes no
    near-duplicates of different paraphrases. Since the distances of a task depend on what its texts
    share, the cut is relative to their median.

    Args:
        texts: N texts.

    Returns:
        (N,) int64.
    """
    if len(texts) < 2:
        return np.zeros(len(texts), dtype=np.int64)
    counts = CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    having = np.bincount(counts.indices, minlength=counts.shape[1])
    distances = cosine_distances(counts.multiply(np.log((1 + len(texts)) / having)).tocsr())
    between = distances[np.triu_indices(len(texts), 1)]
    joined = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average",
        distance_threshold=max(_LEAST_CUT, CUT * float(np.median(between))),
    )
    return np.asarray(joined.fit_predict(distances), dtype=np.int64)
