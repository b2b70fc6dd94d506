import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from robustness.errors import InputError
from robustness.stats import intervals


def test_wilson_stays_inside_the_unit_interval() -> None:
    made = intervals.wilson(10, 10)
    assert made.value == 1.0
    assert made.low == pytest.approx(0.7225, abs=1e-3)
    assert made.high == pytest.approx(1.0)


def test_wilsons_interval_holds_its_value_at_the_ends() -> None:
    for n in range(1, 200):
        for correct in (0, n):
            made = intervals.wilson(correct, n)
            assert made.low <= made.value <= made.high


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
def test_wilsons_interval_is_that_of_statsmodels(coverage: float) -> None:
    for n in (1, 7, 64, 1000):
        for correct in range(0, n + 1, max(1, n // 9)):
            made = intervals.wilson(correct, n, coverage=coverage)
            low, high = proportion_confint(correct, n, alpha=1.0 - coverage, method="wilson")
            assert (made.low, made.high) == pytest.approx((low, high), abs=1e-12)


def test_the_accuracy_of_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="undefined"):
        intervals.wilson(0, 0)


def test_the_bootstrap_interval_covers_a_known_difference() -> None:
    rng = np.random.default_rng(0)
    first = rng.random((8, 200)) < 0.8
    second = rng.random((8, 200)) < 0.6
    made = intervals.paired_bootstrap(first, second, rng=rng)
    assert made.low < 0.2 < made.high
    assert made.value == pytest.approx(first.mean() - second.mean())


def test_identical_cells_differ_by_exactly_nothing() -> None:
    cells = np.ones((3, 5), dtype=bool)
    made = intervals.paired_bootstrap(cells, cells, rng=np.random.default_rng(0))
    assert (made.value, made.low, made.high) == (0.0, 0.0, 0.0)


def test_different_cells_are_refused() -> None:
    with pytest.raises(InputError, match="different cells"):
        intervals.paired_bootstrap(
            np.ones((2, 5), bool), np.ones((2, 4), bool), rng=np.random.default_rng(0)
        )


def test_runs_widen_the_interval_and_one_run_gives_the_paired_one() -> None:
    rng = np.random.default_rng(3)
    original = rng.random((6, 20)) < 0.5
    good, bad = np.ones((6, 20), bool), np.zeros((6, 20), bool)
    one = intervals.paired_bootstrap_runs([([good], original)], rng=np.random.default_rng(0))
    paired = intervals.paired_bootstrap(good, original, rng=np.random.default_rng(0))
    assert one.value == pytest.approx(paired.value)
    assert one.low == pytest.approx(paired.low, abs=0.05)
    two = intervals.paired_bootstrap_runs([([good, bad], original)], rng=np.random.default_rng(0))
    assert two.value == pytest.approx(0.5 - original.mean())
    assert two.high - two.low > 0.8
    with pytest.raises(InputError, match="same runs"):
        intervals.paired_bootstrap_runs(
            [([good], original), ([good, bad], original)], rng=np.random.default_rng(0)
        )
