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


def test_a_cluster_counts_as_one_however_many_members_it_has() -> None:
    alone = np.arange(1.0, 40.0)
    copied = np.concatenate([alone, np.full(60, 39.0)])
    groups = np.array([*range(39), *[38] * 60])
    assert conformal.band(copied, 0.9, groups) == conformal.band(alone, 0.9)
    # As 99 instructions of their own, the copies would make every residual look large.
    assert conformal.band(copied, 0.9).low > conformal.band(alone, 0.9).low


def test_new_clusters_lie_inside_the_band_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    by_cluster, by_row = [], []
    for _ in range(400):
        sizes = rng.integers(1, 9, 40)
        groups = np.repeat(np.arange(40), sizes)
        residuals = rng.normal(0, 3, 40)[groups] + rng.normal(0, 0.1, sizes.sum())
        new = rng.normal(0, 3)
        for found, made in (
            (by_cluster, conformal.band(residuals, 0.9, groups)),
            (by_row, conformal.band(residuals, 0.9)),
        ):
            found.append(made.low <= new <= made.high)
    assert np.mean(by_cluster) >= 0.89
    assert np.mean(by_row) < np.mean(by_cluster)


def test_few_clusters_have_no_bound_but_the_units() -> None:
    residuals, groups = np.arange(60.0), np.repeat(np.arange(18), 4)[:60]
    assert conformal.band(residuals, 0.9, groups) == conformal.Band(low=-100.0, high=100.0)


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


def test_a_degradation_is_bounded_by_what_there_is_to_lose_and_to_gain() -> None:
    found = conformal.bounded(np.array([-30.0, 5.0, 99.0]), 94.0)
    assert found.tolist() == [-6.0, 5.0, 94.0]
    assert conformal.bounded(120.0, None) == 100.0


def test_what_lies_at_the_end_of_an_interval_lies_inside() -> None:
    # Everything is right where the observed instructions have 1,067 of 1,664.
    usual = 1067 / 1664
    gained, end = np.array([(usual - 1.0) * 100.0]), conformal.bounded(-200.0, usual * 100.0)
    assert gained[0] < end and gained[0] == pytest.approx(float(end))
    assert conformal.inside(gained, end, end + 1).all()
    assert conformal.inside(-gained, -end - 1, -end).all()
    assert not conformal.inside(np.array([-0.01, 1.01]), np.zeros(2), np.ones(2)).any()
