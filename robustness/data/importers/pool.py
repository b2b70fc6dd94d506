"""One pool of unobserved instructions -> development and test, split at random by cluster.

Refuses to know models: the split is made before anything is measured, and frozen.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

from robustness.data.instructions import UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST
from robustness.types import Instruction

CUT = 0.5
NEAR = 0.6


def shingles(text: str, size: int = 5) -> frozenset[str]:
    """Character n-grams of the text, case and runs of white space folded."""
    folded = " ".join(text.lower().split())
    return frozenset(folded[i : i + size] for i in range(max(1, len(folded) - size + 1)))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Shared share of two sets, 0 to 1."""
    return len(first & second) / len(first | second)


def without_near(
    instructions: Sequence[Instruction], others: Sequence[Instruction], limit: float = NEAR
) -> list[Instruction]:
    """Those that are not near-duplicates (character 5-gram Jaccard above `limit`) of `others`."""
    taken = [shingles(other.text) for other in others]
    return [
        i for i in instructions
        if all(jaccard(shingles(i.text), other) <= limit for other in taken)
    ]


def clusters(texts: Sequence[str], cut: float = CUT) -> list[int]:
    """Cluster number of each text: average linkage on the cosine distance of character TF-IDF."""
    if len(texts) < 2:
        return [0] * len(texts)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts)
    found = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=cut
    ).fit_predict(cosine_distances(vectors))
    return [int(number) for number in found]


def split(
    pool: Sequence[Instruction], seed: int
) -> tuple[list[Instruction], list[Instruction]]:
    """Splits a pool in halves, task by task, whole clusters together.

    Args:
        pool: Unobserved instructions, each with its task.
        seed: Of the order in which clusters are dealt.

    Returns:
        Development and test; a task's cluster goes to the half that is smaller so far.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str | None, list[Instruction]] = defaultdict(list)
    for instruction in pool:
        groups[instruction.task].append(instruction)
    halves: tuple[list[Instruction], list[Instruction]] = ([], [])
    for _, members in sorted(groups.items(), key=lambda item: str(item[0])):
        numbers = clusters([m.text for m in members])
        sizes = [0, 0]
        for number in rng.permutation(sorted(set(numbers))):
            cluster = [m for m, n in zip(members, numbers, strict=True) if n == number]
            side = int(rng.integers(2)) if sizes[0] == sizes[1] else int(np.argmin(sizes))
            sizes[side] += len(cluster)
            name = (UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST)[side]
            halves[side].extend(replace(m, collection=name) for m in cluster)
    return halves
