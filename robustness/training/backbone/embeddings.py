"""First token embeddings from co-occurrence: positive PMI and a truncated SVD.

Refuses to know the model. BACKBONE.md's prototype gained 5.6 points from them at equal steps.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from robustness.types import FloatArray


def ppmi_svd(
    sequences: Iterable[Sequence[int]], vocabulary: int, width: int, *, window: int, seed: int
) -> FloatArray:
    """Embeddings of tokens from the contexts that they share.

    Args:
        sequences: Token ids of the texts.
        vocabulary: Number of tokens V.
        width: Number of dimensions D.
        window: Tokens to each side that count as context.
        seed: Of the randomised SVD.

    Returns:
        (V, D) float32, columns of zero mean, 0.08 in standard deviation over all.
    """
    flat: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    gap = np.full(window, -1, dtype=np.int64)
    for ids in sequences:
        flat += [np.asarray(ids, dtype=np.int64), gap]
    tokens = np.concatenate(flat)
    counts = sparse.csr_matrix((vocabulary, vocabulary), dtype=np.float64)
    for offset in range(1, window + 1):
        left, right = tokens[:-offset], tokens[offset:]
        kept = (left >= 0) & (right >= 0)
        pairs = sparse.coo_matrix(
            (np.full(int(kept.sum()), 1.0 / offset), (left[kept], right[kept])),
            shape=(vocabulary, vocabulary),
        ).tocsr()
        counts = counts + pairs + pairs.T
    total = counts.sum()
    frequency = np.asarray(counts.sum(axis=1)).ravel()
    # Smoothed context distribution (Levy and Goldberg 2015): rare contexts weigh less.
    context = frequency**0.75
    context *= total / context.sum()
    entries = counts.tocoo()
    pmi = np.log(entries.data * total / (frequency[entries.row] * context[entries.col]))
    kept = pmi > 0
    ppmi = sparse.csr_matrix(
        (pmi[kept], (entries.row[kept], entries.col[kept])), shape=counts.shape
    )
    u, s, _ = randomized_svd(ppmi, n_components=width, random_state=seed)
    table = u * np.sqrt(s)
    table -= table.mean(axis=0)
    table *= 0.08 / table.std()
    return np.asarray(table, dtype=np.float32)
