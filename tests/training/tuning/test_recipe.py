import pytest

from robustness.errors import InputError, NotFoundError
from robustness.training.tuning import recipe


@pytest.mark.parametrize("preset", ["cpu", "gpu", "ci"])
def test_every_preset_loads(preset: str) -> None:
    made = recipe.load(preset)
    assert made.updates > 0 and made.frozen < made.layers


def test_an_unknown_preset_names_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match="ci, cpu, gpu"):
        recipe.load("tpu")


def test_keys_are_set_anew_in_their_own_types() -> None:
    assert recipe.load("cpu", ["layers=20", "chat_share=0"]).layers == 20
    with pytest.raises(InputError, match="no key"):
        recipe.load("cpu", ["layer=20"])


def test_a_number_type_that_is_unknown_names_those_that_are_known() -> None:
    with pytest.raises(InputError, match="'float16' is unknown; choose float32 or bfloat16"):
        recipe.load("cpu", ["number_type=float16"])
