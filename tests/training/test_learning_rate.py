import math

import pytest

from robustness.training.learning_rate import schedule


def before(step: int, warmup: int, steps: int, least: float) -> float:
    """The curve that every shipped training was made with, as it was written out."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done))


@pytest.mark.parametrize("least", [0.05, 0.1])
@pytest.mark.parametrize(("warmup", "steps"), [(0, 7), (1, 9), (20, 400), (300, 6000), (5, 3)])
def test_the_curve_of_the_shipped_trainings_is_kept(warmup: int, steps: int, least: float) -> None:
    share = schedule(warmup=warmup, steps=steps, least=least)
    for step in range(steps):
        assert share(step) == pytest.approx(before(step, warmup, steps, least), rel=1e-12)


def test_the_rate_climbs_from_the_first_update_to_the_peak_and_falls_to_the_least() -> None:
    share = schedule(warmup=4, steps=100, least=0.1)
    assert [share(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert share(100) == pytest.approx(0.1)
    assert all(share(step) > share(step + 1) for step in range(4, 99))
