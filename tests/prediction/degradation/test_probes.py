import numpy as np
import pytest

from robustness.prediction.degradation import probes
from robustness.prediction.degradation.skill_measurement import measure_skill


def _logprobs(choices: list[int], sure: float = 0.9) -> np.ndarray:
    """(N, 3) log-probabilities that choose as told."""
    p = np.full((len(choices), 3), (1 - sure) / 2)
    p[np.arange(len(choices)), choices] = sure
    return np.log(p).astype(np.float32)


OBSERVED = np.stack([_logprobs([0, 1, 2, 0]) for _ in range(4)])


def test_probabilities_are_among_the_options_that_there_are() -> None:
    p = probes.distributions(np.array([[-1.0, -2.0, np.nan]], dtype=np.float32))
    assert p.sum() == pytest.approx(1.0)
    assert p[0, 2] == 0


def test_an_instruction_that_answers_alike_lacks_nothing() -> None:
    found = probes.features(_logprobs([0, 1, 2, 0]), OBSERVED, [0, 1], 0.8)
    # All votes are for its answers, of which it is sure to 0.9.
    expected = (*(0,) * 9, 1 - 0.9, 0, 0, 0, 0.8 - 1 / 3)
    assert found == pytest.approx(expected, abs=1e-5)


def test_disagreement_divergence_and_doubt_are_seen() -> None:
    lacking, scaled, divergence, entropy, margin, outside, *_ = probes.features(
        _logprobs([1, 1, 0, 0], sure=0.5) - 0.5, OBSERVED, [0, 1], 0.8
    )
    assert lacking == 0.5
    assert scaled == pytest.approx(0.4)
    assert divergence > 0.2
    assert entropy > 0
    assert margin < 0
    assert outside == pytest.approx(1 - np.exp(-0.5), abs=1e-5)


def test_votes_weigh_an_answer_by_how_many_observed_instructions_give_it() -> None:
    divided = np.stack([_logprobs([0, 1, 2, c]) for c in (0, 0, 0, 1)])
    right = probes.features(_logprobs([0, 1, 2, 0]), divided, [0], 0.8)
    rare = probes.features(_logprobs([0, 1, 2, 1]), divided, [0], 0.8)
    wrong = probes.features(_logprobs([0, 1, 0, 0]), divided, [0], 0.8)
    # The observed ones themselves have (3 + 3/4 * 3/4 + 1/4 * 1/4) / 4 votes for their answers.
    assert right[6] == pytest.approx((3 + 10 / 16 - 3.75) / 4)
    assert right[6] < rare[6] < wrong[6]
    assert wrong[7] == pytest.approx(0.8 * wrong[6])


def test_a_shift_towards_one_option_is_seen_and_undone() -> None:
    shifted = OBSERVED[0] + np.array([3.0, 0.0, 0.0], dtype=np.float32)
    found = probes.features(shifted, OBSERVED, [0, 1], 0.8)
    lost, bias, information, unbiased = found[6], found[10], found[11], found[12]
    assert lost > 0.2 and bias > 0.2 and information < 0
    assert unbiased == pytest.approx(0.0, abs=1e-6)


def test_labelled_losses_are_against_the_observed_on_the_same_inputs() -> None:
    own = _logprobs([0, 1, 0, 1] * 2)
    observed = np.stack([_logprobs([0, 1, 2, 0] * 2) for _ in range(3)])
    made = probes.probe(own, observed, [0], 1.0, correct=[0, 1, 2, 0] * 2)
    assert made.losses == {8: 50.0}
    assert set(made.features) == {8}


def test_only_numbers_of_inputs_that_there_are_are_used() -> None:
    assert probes.steps(40) == [16, 32]
    assert probes.steps(3) == [3]


@pytest.mark.slow
def test_skill_counts_as_shown_only_beyond_doubt() -> None:
    rng = np.random.default_rng(0)
    measured = rng.normal(10, 8, 60)
    tasks = [f"t{n % 6}" for n in range(60)]
    common = dict(
        tasks=tasks, measured=measured, constant=np.full(60, 10.0), distance=np.full(60, 10.0),
        inside=np.ones(60, dtype=bool), width=20.0, clusters=30, seed=0,
    )
    good = measure_skill(predicted=measured + rng.normal(0, 1, 60), **common)
    assert good.shown
    assert good.mae < 2 < good.mae_constant
    assert good.spearman > 0.9
    assert good.spearman_within > 0.8
    assert good.auroc > 0.95
    low, high = good.intervals["gain"]
    assert low < good.gain < high
    none = measure_skill(predicted=np.full(60, 10.0), **common)
    assert not none.shown
    assert none.spearman is None
    assert none.gain == 0
