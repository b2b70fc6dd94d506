import numpy as np
import pytest
from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import CrossConformalRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict

from robustness.errors import InputError
from robustness.prediction.degradation import conformal, folds


def test_no_row_is_predicted_by_a_fit_that_saw_its_cluster() -> None:
    y = np.array([0.0, 0.0, 10.0, 10.0, 40.0])
    held_out = folds.splits(np.array([0, 0, 1, 1, 2]), 3, seed=0)
    made = cross_val_predict(DummyRegressor(), np.zeros((5, 1)), y, cv=held_out)
    np.testing.assert_allclose(made, [20, 20, 40 / 3, 40 / 3, 5])


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_the_interval_is_that_of_mapie(coverage: float) -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(25, size=83)
    x = rng.normal(size=(83, 3))
    y = x @ np.array([3.0, -1.0, 0.5]) + rng.exponential(2.0, 83) + groups % 5
    asked = rng.normal(size=(7, 3))
    held_out = folds.splits(groups, 10, seed=3)
    left_out = cross_val_predict(Ridge(), x, y, cv=held_out)
    band = conformal.band(y - left_out, coverage)
    value = Ridge().fit(x, y).predict(asked)
    oracle = CrossConformalRegressor(
        Ridge(), confidence_level=coverage, conformity_score=AbsoluteConformityScore(sym=False),
        method="base", cv=GroupKFold(10, shuffle=True, random_state=3),
    ).fit_conformalize(x, y, groups=groups)
    points, intervals = oracle.predict_interval(asked)
    np.testing.assert_allclose(value, points)
    np.testing.assert_allclose(value + band.low, intervals[:, 0, 0])
    np.testing.assert_allclose(value + band.high, intervals[:, 1, 0])


def test_coverage_is_judged_by_the_band_of_the_other_folds() -> None:
    first, second = np.arange(30), np.arange(30, 60)
    halves = [(second, first), (first, second)]
    apart = np.where(np.arange(60) < 30, 0.0, 50.0)
    assert not conformal.covered(apart, halves, 0.9).any()
    assert conformal.covered(np.zeros(60), halves, 0.9).all()


def test_every_row_is_held_out_once_and_there_are_no_more_folds_than_clusters() -> None:
    groups = np.array([0, 1, 1, 2, 3, 3, 4])
    for count, wanted in ((3, 3), (9, 5)):
        made = folds.splits(groups, count, seed=2)
        assert len(made) == wanted
        assert sorted(np.concatenate([rows for _, rows in made])) == [*range(7)]
        for others, rows in made:
            assert sorted([*others, *rows]) == [*range(7)]
            assert not set(groups[others]) & set(groups[rows])


def test_the_seed_alone_decides_the_folds() -> None:
    groups = np.arange(20)
    first, again, other = (
        [rows.tolist() for _, rows in folds.splits(groups, 4, seed)] for seed in (2, 2, 3)
    )
    assert first == again != other
    with pytest.raises(InputError, match="two clusters"):
        folds.splits(np.zeros(3, dtype=np.int64), 4, 2)


def test_half_of_the_error_lies_on_each_side_of_the_band() -> None:
    residuals = np.array([*range(-5, 0), 90.0, *range(1, 14)], dtype=float)
    made = conformal.band(residuals, 0.8)
    assert (made.low, made.high) == (-4.0, 13.0)
    assert conformal.band(np.empty(0), 0.8) == conformal.Band(low=-100.0, high=100.0)
