import numpy as np
import pytest
from scipy.special import expit

from robustness.errors import InputError
from robustness.evaluation.prompteval import irt, quantiles

TEXTS = [f"Say {word} about the {thing}{end}" for word in ("what", "why", "how")
         for thing in ("text", "line", "note", "review") for end in (".", "?", ":\n{text}")]


def simulated(seed: int, *, inputs: int = 60) -> np.ndarray:
    """Cells of a population in which some instructions work and others do not."""
    rng = np.random.default_rng(seed)
    works = rng.random(len(TEXTS)) < 0.6
    theta = np.where(works, 1.5, 0.0) + 0.6 * rng.standard_normal(len(TEXTS))
    beta = 0.8 * rng.standard_normal(inputs)
    return rng.random((len(TEXTS), inputs)) < expit(theta[:, None] + beta)


def answered(cells: np.ndarray):
    asked = []

    def ask(wanted):
        asked.extend(wanted)
        return [bool(cells[i, j]) for i, j in wanted]

    return ask, asked


def test_cells_are_spread_evenly_and_none_is_asked_twice():
    asked = np.zeros((7, 11), dtype=bool)
    cells = quantiles.allocate(asked, 22, np.random.default_rng(0))
    assert len(set(cells)) == 22
    for row, column in cells:
        asked[row, column] = True
    assert np.ptp(asked.sum(1)) <= 1
    assert np.ptp(asked.sum(0)) <= 1
    rest = quantiles.allocate(asked, 1000, np.random.default_rng(0))
    assert len(rest) == 7 * 11 - 22
    assert not set(rest) & set(cells)


def test_right_answers_are_evened_out_within_an_instruction():
    strata = [0] * 30 + [1] * 10
    asked = np.zeros((5, 40), dtype=bool)
    for row, column in quantiles.allocate(asked, 40, np.random.default_rng(0), strata):
        asked[row, column] = True
    assert asked.sum(1).tolist() == [8] * 5
    assert asked[:, 30:].sum(1).tolist() == [4] * 5


@pytest.mark.slow
def test_every_cell_asked_gives_the_very_quantiles():
    cells = simulated(1)
    ask, asked = answered(cells)
    found = quantiles.study(ask, TEXTS, cells.shape[1], budget=cells.size)
    assert found.stopped == "complete"
    assert len(asked) == cells.size
    truth = 100 * np.quantile(cells.mean(1), quantiles.LEVELS)
    for row, value in zip(found.quantiles, truth, strict=True):
        assert row.value == pytest.approx(value)
        assert row.low == pytest.approx(value)
        assert row.high == pytest.approx(value)
    assert found.accuracies == pytest.approx(tuple(100 * cells.mean(1)))
    assert found.mean.value == pytest.approx(100 * cells.mean())


@pytest.mark.slow
def test_intervals_from_a_tenth_of_the_cells_cover_about_as_they_say():
    inside, errors, naive = [], [], []
    for seed in range(12):
        cells = simulated(seed)
        ask, asked = answered(cells)
        found = quantiles.study(ask, TEXTS, cells.shape[1], budget=cells.size // 10, rounds=1)
        truth = 100 * np.quantile(cells.mean(1), quantiles.LEVELS)
        inside += [q.low <= t <= q.high for q, t in zip(found.quantiles, truth, strict=True)]
        errors.append(np.mean([abs(q.value - t) for q, t in
                               zip(found.quantiles, truth, strict=True)]))
        seen = np.zeros_like(cells)
        seen[tuple(np.array(asked).T)] = True
        own = (seen & cells).sum(1) / seen.sum(1)
        naive.append(np.abs(100 * np.quantile(own, quantiles.LEVELS) - truth).mean())
    assert np.mean(inside) > 0.8
    assert np.mean(errors) < 0.8 * np.mean(naive)


@pytest.mark.slow
def test_a_run_stops_where_the_intervals_are_narrow_enough():
    cells = simulated(2)
    ask, asked = answered(cells)
    rounds = []
    found = quantiles.study(
        ask, TEXTS, cells.shape[1], budget=cells.size, width=18.0, on_round=rounds.append
    )
    assert found.stopped == "width"
    assert found.width <= 18.0 < rounds[0].width
    assert len(asked) == found.asked < cells.size


@pytest.mark.slow
def test_a_budget_is_kept_and_a_seed_repeats():
    cells = simulated(3)
    ask, asked = answered(cells)
    first = quantiles.study(ask, TEXTS, cells.shape[1], budget=200, seed=5)
    again = quantiles.study(answered(cells)[0], TEXTS, cells.shape[1], budget=200, seed=5)
    assert first == again
    assert first.stopped == "budget"
    assert len(asked) == first.asked == 200


@pytest.mark.parametrize(
    ("texts", "inputs", "budget", "said"),
    [
        (TEXTS[:3], 60, 100, "at least 5 instructions"),
        (TEXTS, 2, 100, "5 inputs"),
        (TEXTS, 60, 10, "less than one for each"),
    ],
)
def test_too_little_is_said(texts, inputs, budget, said):
    with pytest.raises(InputError, match=said):
        quantiles.study(lambda cells: [True] * len(cells), texts, inputs, budget=budget)


def test_shapes_that_do_not_match_are_refused():
    asked = np.ones((4, 5), dtype=bool)
    with pytest.raises(InputError, match="do not match"):
        irt.fit(np.zeros((3, 2)), asked, asked)
    with pytest.raises(InputError, match="nothing to fit"):
        irt.fit(np.zeros((4, 2)), ~asked, asked)


def test_features_carry_over_to_an_instruction_that_was_not_asked():
    rng = np.random.default_rng(0)
    x = np.repeat([[1.0], [-1.0]], 20, axis=0)
    cells = rng.random((40, 50)) < expit(1.5 * x)
    asked = rng.random(cells.shape) < 0.3
    asked[[0, 20]] = False
    drawn = irt.fit(x, asked, cells).accuracies(200, rng).mean(0)
    assert drawn[0] > drawn[20] + 0.25
