import numpy as np
import pytest

from robustness.errors import InputError
from robustness.stats import intervals, sensitivity

CORRECT = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 1]], dtype=bool)


def test_spread_is_the_best_minus_the_worst() -> None:
    assert sensitivity.spread([0.5, 0.25, 0.75]) == 0.5
    with pytest.raises(InputError, match="at least two"):
        sensitivity.spread([0.5])


def test_the_worst_tenth_takes_instructions_in_part() -> None:
    # 15 instructions: 1.5 of them, the worst whole and half of the next.
    values = [0.1, 0.4, *[0.9] * 13]
    assert sensitivity.worst_mean(values) == pytest.approx((0.1 + 0.5 * 0.4) / 1.5)
    assert sensitivity.worst_mean([0.7, 0.3, 0.5]) == pytest.approx(0.3)
    assert sensitivity.worst_mean([0.2, 0.4], share=1.0) == pytest.approx(0.3)
    with pytest.raises(InputError, match="share"):
        sensitivity.worst_mean([0.2], share=0.0)


def test_worst_case_accuracy_asks_that_every_instruction_is_right() -> None:
    assert sensitivity.worst_case(CORRECT) == 0.25
    with pytest.raises(InputError):
        sensitivity.worst_case(np.zeros((0, 3), dtype=bool))


def test_consistency_counts_each_pair_once() -> None:
    # Input 0: aab, one of three pairs; input 1: all alike; input 2: all different.
    answers = np.array([[0, 1, 0], [0, 1, 1], [2, 1, 2]])
    assert sensitivity.consistency(answers) == pytest.approx((1 / 3 + 1 + 0) / 3)


def test_an_unparsed_answer_agrees_with_nothing() -> None:
    answers = np.array([[-1], [-1], [0]])
    assert sensitivity.consistency(answers) == 0.0


def test_pss_is_the_mean_pairwise_difference() -> None:
    by_hand = []
    for column in CORRECT.T.astype(float):
        a, b, c = column
        by_hand.append((abs(a - b) + abs(a - c) + abs(b - c)) / 3)
    assert sensitivity.pss(CORRECT) == pytest.approx(np.mean(by_hand))
    assert np.mean(by_hand) == pytest.approx(1 / 3)


def test_posix_by_hand() -> None:
    # Two instructions, one input: y_0 has 2 tokens, y_1 one.
    cross = np.array([[[-1.0, -3.0], [-2.0, -0.5]]])
    lengths = np.array([[2, 1]])
    # j=0: |log P(y0|x1) - log P(y0|x0)| / 2 = |-2 + 1| / 2; j=1: |-3 + 0.5| / 1.
    assert sensitivity.posix(cross, lengths) == pytest.approx((0.5 + 2.5) / 2)
    assert sensitivity.posix(np.zeros((3, 4, 4)), np.ones((3, 4), dtype=int)) == 0.0
    with pytest.raises(InputError, match="lengths"):
        sensitivity.posix(cross, np.array([[1, 1, 1]]))
    with pytest.raises(InputError, match="one token"):
        sensitivity.posix(cross, np.array([[0, 1]]))


def test_a_line_through_known_points() -> None:
    made = sensitivity.line([0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.5])
    assert made.slope == pytest.approx(2.15)
    assert made.intercept == pytest.approx(0.9)
    # r^2 = slope^2 * Sxx / Syy with Sxx = 5 and Syy = 23.1875.
    assert made.r**2 == pytest.approx(2.15**2 * 5 / 23.1875)
    assert made.p == pytest.approx(0.0013, abs=5e-4)
    assert all(low <= made.at(x) <= high for x, low, high in zip(
        made.x, made.low, made.high, strict=True
    ))
    # The half width at the mean of x is t(0.975, 2) * s / sqrt(n).
    residual = np.array([1.0, 3.0, 5.0, 7.5]) - (0.9 + 2.15 * np.arange(4))
    half = 4.30265 * np.sqrt((residual**2).sum() / 2) / 2
    at_mean = sensitivity.line([0, 1, 2, 3], [1, 3, 5, 7.5], points=3)
    assert at_mean.high[1] - at_mean.at(1.5) == pytest.approx(half, rel=1e-4)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_a_line_needs_points_that_vary(x: list[float], y: list[float]) -> None:
    with pytest.raises(InputError):
        sensitivity.line(x, y)


def test_the_gap_between_sets_draws_inputs_together() -> None:
    # Both sets are right on the same inputs: drawing inputs again cannot move the gap.
    row = np.array([True, False, True, True])
    made = intervals.gap_mean(
        [(np.tile(row, (3, 1)), np.tile(row, (5, 1)))], rng=np.random.default_rng(0)
    )
    assert (made.value, made.low, made.high) == pytest.approx((0.0, 0.0, 0.0))
    rng = np.random.default_rng(1)
    first, second = rng.random((20, 200)) < 0.7, rng.random((30, 200)) < 0.6
    found = intervals.gap_mean([(first, second)], rng=rng)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.low < 0.1 < found.high
    with pytest.raises(InputError, match="same inputs"):
        intervals.gap_mean([(first, second[:, :5])], rng=rng)
