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
