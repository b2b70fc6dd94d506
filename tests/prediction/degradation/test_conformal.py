import numpy as np
import pytest

from robustness.prediction.degradation import conformal


def mean(x: conformal.Floats, y: conformal.Floats):
    return lambda asked: np.full(len(asked), y.mean())


def test_no_row_is_predicted_by_a_fit_that_saw_its_cluster() -> None:
    y = np.array([0.0, 0.0, 10.0, 10.0, 40.0])
    held_out = conformal.folds(np.array([0, 0, 1, 1, 2]), 3, np.random.default_rng(0))
    made = conformal.cross_fit(np.zeros((5, 1)), y, held_out, mean)
    np.testing.assert_allclose(made, [20, 20, 40 / 3, 40 / 3, 5])


def test_coverage_is_judged_by_the_band_of_the_other_folds() -> None:
    first = np.arange(60) < 30
    apart = np.where(first, 0.0, 50.0)
    assert not conformal.covered(apart, [first, ~first], 0.9).any()
    assert conformal.covered(np.zeros(60), [first, ~first], 0.9).all()


def test_every_row_is_held_out_once_and_there_are_no_more_folds_than_clusters() -> None:
    groups = np.array([0, 1, 1, 2, 3, 3, 4])
    for count, wanted in ((3, 3), (9, 5)):
        held_out = conformal.folds(groups, count, np.random.default_rng(2))
        assert len(held_out) == wanted
        assert np.sum(held_out, axis=0).tolist() == [1] * 7
        for mask in held_out:
            assert not set(groups[mask]) & set(groups[~mask])
    again = conformal.folds(groups, 3, np.random.default_rng(2))
    first = conformal.folds(groups, 3, np.random.default_rng(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("texts", [[], ["Where is Anna?"]])
def test_none_and_one_text_are_clusters_too(texts: list[str]) -> None:
    assert conformal.clusters(texts).tolist() == [0] * len(texts)


def test_a_wider_cut_joins_more_texts() -> None:
    texts = ["Where is Anna?", "Where is Ben?", "Where was Anna?", "Classify the topic."]
    counts = [len(set(conformal.clusters(texts, cut=cut))) for cut in (0.01, 0.7, 1.5)]
    assert counts[0] == 4
    assert counts[0] > counts[1] > counts[2] == 1


def test_half_of_the_error_lies_on_each_side_of_the_band() -> None:
    residuals = np.array([*range(-5, 0), 90.0, *range(1, 14)], dtype=float)
    made = conformal.band(residuals, 0.8)
    assert (made.low, made.high) == (-4.0, 13.0)
    assert conformal.band(np.empty(0), 0.8) == conformal.Band(low=-100.0, high=100.0)
