import numpy as np

from robustness.training.backbone.embeddings import ppmi_svd


def test_tokens_of_the_same_contexts_are_nearest() -> None:
    rng = np.random.default_rng(0)
    # 0 and 1 stand before 4 and 5, 2 and 3 before 6 and 7.
    pairs = [(rng.choice([0, 1]), rng.choice([4, 5])) for _ in range(200)]
    pairs += [(rng.choice([2, 3]), rng.choice([6, 7])) for _ in range(200)]
    made = ppmi_svd([list(p) for p in pairs], 8, 4, window=2, seed=0)
    assert made.shape == (8, 4)
    assert made.dtype == np.float32
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2]
    assert unit[2] @ unit[3] > unit[1] @ unit[3]


def test_the_table_has_the_promised_scale_and_repeats() -> None:
    texts = [[0, 1, 2, 3], [3, 2, 1, 0], [0, 2, 1, 3]]
    made = ppmi_svd(texts, 4, 3, window=2, seed=1)
    assert np.isclose(made.std(), 0.08, atol=0.01)
    assert np.allclose(made, ppmi_svd(texts, 4, 3, window=2, seed=1))
