import pytest

from robustness.errors import InputError, NotFoundError
from robustness.training.backbone import recipe


@pytest.mark.parametrize("preset", ["cpu", "gpu", "small", "ci"])
def test_every_preset_loads(preset: str) -> None:
    assert recipe.load(preset).steps > 0


def test_an_unknown_preset_names_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match="cpu"):
        recipe.load("tpu")


def test_keys_are_set_anew_in_their_own_types() -> None:
    made = recipe.load("ci", ["seed=3", "learning_rate=2e-3", "device=cuda"])
    assert (made.seed, made.learning_rate, made.device) == (3, 2e-3, "cuda")
    assert made.steps == recipe.load("ci").steps


@pytest.mark.parametrize(
    ("setting", "message"),
    [("sead=3", "no key 'sead'"), ("seed", "type int, found .."), ("seed=a", "found .a.")],
)
def test_a_wrong_setting_is_named(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe.load("ci", [setting])
