"""Compares two texts by the Jaccard similarity of their shingles (character n-grams).

Does not cluster many texts; see `near_duplicates.py`.
"""

NEAR = 0.6
"""Jaccard similarity above which two texts are near-duplicates."""


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
