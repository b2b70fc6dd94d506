import torch

from robustness.models.sampling import sample
from robustness.types import GenerationSettings


def test_temperature_zero_takes_the_most_probable() -> None:
    logits = torch.tensor([0.0, 3.0, 1.0])
    assert sample(logits, GenerationSettings(), torch.Generator()) == 1


def test_top_p_leaves_the_tail_out() -> None:
    logits = torch.tensor([5.0, 4.0, -2.0, -3.0])
    generator = torch.Generator().manual_seed(0)
    settings = GenerationSettings(temperature=1.0, top_p=0.9)
    assert {sample(logits, settings, generator) for _ in range(200)} == {0, 1}
    narrow = GenerationSettings(temperature=1.0, top_p=0.0)
    assert {sample(logits, narrow, generator) for _ in range(50)} == {0}


def test_the_smallest_temperatures_take_the_most_probable() -> None:
    logits = torch.tensor([-40.0, 60.0, 30.0])
    for temperature in (5e-324, 1e-38, 1e-21, 1e-19):
        settings = GenerationSettings(temperature=temperature)
        assert sample(logits, settings, torch.Generator()) == 1
