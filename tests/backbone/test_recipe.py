import pytest

from robustness.backbone import recipe
from robustness.errors import NotFoundError


@pytest.mark.parametrize("preset", ["cpu", "gpu", "small", "ci"])
def test_every_preset_loads(preset: str) -> None:
    assert recipe.load(preset).steps > 0


def test_an_unknown_preset_names_the_ones_there_are() -> None:
    with pytest.raises(NotFoundError, match="cpu"):
        recipe.load("tpu")
