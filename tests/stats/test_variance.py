"""Variance components agree with the analysis of variance and find what made the answers."""

import numpy as np
import pytest

from robustness.errors import InputError
from robustness.stats import variance
from robustness.stats.variance import COMPONENTS, Floats


def anova(y: Floats) -> list[float]:
    """The textbook estimates from mean squares of a complete three-way table."""
    n, w, s = y.shape
    m = y.mean()
    a, b, c = y.mean((1, 2)), y.mean((0, 2)), y.mean((0, 1))
    ab, ac, bc = y.mean(2), y.mean(1), y.mean(0)
    dab = ab - a[:, None] - b[None] + m
    dac = ac - a[:, None] - c[None] + m
    dbc = bc - b[:, None] - c[None] + m
    rest = (
        y - ab[:, :, None] - ac[:, None, :] - bc[None] + a[:, None, None] + b[None, :, None]
        + c[None, None] - m
    )
    e = (rest**2).sum() / ((n - 1) * (w - 1) * (s - 1))
    mab = s * (dab**2).sum() / ((n - 1) * (w - 1))
    mac = w * (dac**2).sum() / ((n - 1) * (s - 1))
    mbc = n * (dbc**2).sum() / ((w - 1) * (s - 1))
    ma = w * s * ((a - m) ** 2).sum() / (n - 1)
    mb = n * s * ((b - m) ** 2).sum() / (w - 1)
    mc = n * w * ((c - m) ** 2).sum() / (s - 1)
    return [
        (ma - mab - mac + e) / (w * s), (mb - mab - mbc + e) / (n * s),
        (mc - mac - mbc + e) / (n * w), (mab - e) / s, (mac - e) / w, (mbc - e) / n, e,
    ]


def drawn(shape: tuple[int, int, int], sd: list[float], seed: int) -> Floats:
    """Answers made of terms with given standard deviations, in the order of the components."""
    rng = np.random.default_rng(seed)
    n, w, s = shape
    shapes = [(n, 1, 1), (1, w, 1), (1, 1, s), (n, w, 1), (n, 1, s), (1, w, s), shape]
    return np.asarray(sum(
        scale * rng.standard_normal(size) for scale, size in zip(sd, shapes, strict=True)
    )) + 0.5


def test_components_are_those_of_the_analysis_of_variance() -> None:
    table = (np.random.default_rng(1).random((9, 4, 5)) < 0.6).astype(np.float64)
    np.testing.assert_allclose(variance.components(table), anova(table), atol=1e-12)


def test_components_find_what_the_answers_were_made_of() -> None:
    sd = [0.3, 0.2, 0.1, 0.15, 0.05, 0.1, 0.2]
    found = np.mean(
        [variance.components(drawn((60, 12, 12), sd, seed)) for seed in range(12)], axis=0
    )
    np.testing.assert_allclose(found, np.square(sd), atol=0.012)


def test_drawing_levels_again_does_not_move_the_components() -> None:
    table = drawn((40, 5, 6), [0.3, 0.2, 0.1, 0.15, 0.05, 0.1, 0.2], 3)
    again = variance._resampled(table, np.random.default_rng(0), 4000)
    # Levels that are drawn twice would take a fifth from what wordings do.
    np.testing.assert_allclose(np.nanmean(again, axis=0), variance.components(table), atol=0.004)


def test_shares_sum_to_one_and_their_intervals_hold_the_truth() -> None:
    sd = [0.3, 0.1, 0.0, 0.15, 0.05, 0.0, 0.2]
    truth = np.square(sd) / np.square(sd).sum()
    held = []
    for seed in range(12):
        tables = [drawn((50, 6, 8), sd, 10 * seed + n) for n in range(4)]
        made = variance.shares(tables, rng=np.random.default_rng(0), draws=200)
        assert made is not None and len(made) == len(COMPONENTS)
        assert sum(e.value for e in made) == pytest.approx(1.0)
        held.append([e.low <= t <= e.high for e, t in zip(made, truth, strict=True)])
    assert np.mean(held) > 0.85


def test_one_cause_alone_has_all_of_the_variance() -> None:
    easy = np.zeros((10, 3, 4))
    easy[:5] = 1.0
    made = variance.shares([easy], rng=np.random.default_rng(0), draws=50)
    assert made is not None and made[0].value == pytest.approx(1.0)
    assert COMPONENTS[0] == "inputs" and COMPONENTS[-1] == "inputs x wording x surface"
    assert variance.shares([np.ones((4, 3, 2))], rng=np.random.default_rng(0), draws=9) is None


def test_one_level_on_an_axis_is_an_error() -> None:
    with pytest.raises(InputError, match="two inputs, wordings and surface forms"):
        variance.components(np.ones((4, 1, 3)))
    with pytest.raises(InputError, match="no tasks"):
        variance.shares([], rng=np.random.default_rng(0))
