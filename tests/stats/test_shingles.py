from robustness.stats import shingles


def test_sizes_decide_only_what_the_shares_would_decide() -> None:
    texts = ["abcdefgh" * n + "xyz" * (7 - n) for n in range(8)]
    texts += ["Are both the same?", "Are both of them the same?"]
    grams = [shingles.shingles(t) for t in texts]
    for a in grams:
        for b in grams:
            near = shingles.jaccard(a, b) > shingles.NEAR
            assert shingles.alike(a, b) == near
