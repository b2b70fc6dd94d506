"""The noise floor holds the difference of the same instruction asked again, 95 times in 100."""

import numpy as np
import pytest

from robustness.errors import InputError
from robustness.stats import noise


def test_other_inputs_move_the_same_instruction_by_less_than_the_floor() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        # Two instructions, both right on four of five inputs, on inputs of a population.
        population = rng.random((2, 4000)) < 0.8
        difference = (population[:1].astype(float) - population[1:]).mean()
        drawn = population[:, rng.choice(4000, 100, replace=False)].astype(float)
        found = noise.floor([drawn[:1] - drawn[1:]], changed=0.0, seed=0)
        held.append(abs(100 * ((drawn[0] - drawn[1]).mean() - difference)) <= found.value)
    assert 0.91 <= np.mean(held) <= 0.985


def test_where_all_answers_are_alike_the_floor_is_that_of_one_that_differs() -> None:
    row = np.random.default_rng(0).random((1, 64)) < 0.5
    alike = noise.from_others(np.repeat(row, 4, axis=0))
    made = noise.floor([alike], changed=0.0, seed=0)
    assert made.value == made.sampling == pytest.approx(196 / 64, rel=1e-3)
    assert (made.repeatability, made.inputs) == (0.0, 64)
    assert made.below(0.0) and made.below(100 / 64) and not made.below(300 / 64)
    # As for one differing answer of 64, up to how far 64 others move it.
    one = np.zeros((1, 64))
    one[0, 0] = 1.0
    assert noise.floor([one], changed=0.0, seed=0).value == pytest.approx(196 / 64, rel=0.1)
    # Four tasks: half as much for their mean.
    assert noise.floor([alike] * 4, changed=0.0, seed=0).value == pytest.approx(made.value / 2)


def test_four_times_the_inputs_halve_the_floor() -> None:
    rng = np.random.default_rng(1)
    few, many = (noise.from_others(rng.random((8, n)) < 0.7) for n in (100, 400))
    first, second = (noise.floor([t], changed=None, seed=0) for t in (few, many))
    assert second.value == pytest.approx(first.value / 2, rel=0.15)
    assert first.repeatability is None and first.value == first.sampling


def test_answers_that_change_when_asked_again_raise_the_floor() -> None:
    table = noise.from_others(np.random.default_rng(1).random((6, 100)) < 0.7)
    still, moved = (noise.floor([table], changed=q, seed=0) for q in (0.0, 0.04))
    assert moved.repeatability == pytest.approx(196 * np.sqrt(0.04 / 100), rel=1e-3)
    assert moved.value == pytest.approx(np.hypot(still.value, moved.repeatability))
    # Four answers of a hundred change at random: 95 of 100 accuracies move by no more than that.
    rng = np.random.default_rng(0)
    shift = rng.choice([-1, 1], size=(4000, 100)) * (rng.random((4000, 100)) < 0.04)
    within = np.abs(shift.sum(axis=1)) <= moved.repeatability
    assert np.mean(within) == pytest.approx(0.95, abs=0.03)


def test_the_mean_over_tasks_has_less_noise_than_a_task() -> None:
    rng = np.random.default_rng(2)
    tables = [noise.from_others(rng.random((5, 100)) < 0.7) for _ in range(4)]
    one, four = noise.floor(tables[:1], changed=None, seed=0), noise.floor(
        tables, changed=None, seed=0
    )
    assert four.value == pytest.approx(one.value / 2, rel=0.2) and four.inputs == 400


def test_a_difference_is_below_the_floor_whatever_its_sign() -> None:
    made = noise.NoiseFloor(value=3.0, sampling=3.0, repeatability=0.0, inputs=9)
    assert made.below(2.9) and made.below(-2.9) and not made.below(3.0) and not made.below(-4)


def test_what_has_no_noise_floor_is_an_error() -> None:
    with pytest.raises(InputError, match="two observed instructions"):
        noise.from_others(np.ones((1, 4), dtype=np.bool_))
    with pytest.raises(InputError, match="instructions by inputs"):
        noise.floor([], changed=None, seed=0)
