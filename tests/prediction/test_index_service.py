from pathlib import Path

import pytest

from robustness.cli.render import index as render_index
from robustness.data.defaults import LEAST_MASS
from robustness.data.tasks import Task
from robustness.errors import InputError, NotFoundError
from robustness.index.observed_index import IndexRecipe
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import degradation, index_service
from robustness.types import Instruction


def test_building_again_removes_the_older_calibration(
    tiny_t5: Path, tmp_path: Path, observed: list[Instruction], topics: Task
) -> None:
    engine = TransformersEngine(tiny_t5, device="cpu")
    own = [i for i in observed if i.task == "scene_topic"]
    stale = tmp_path / "tiny-t5" / "original" / degradation.FILE
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    seen: list[tuple[str, int, int]] = []
    cards = index_service.build(
        engine, tmp_path, own, [topics], recipe=IndexRecipe(inputs=2, measured=4),
        report=lambda *what: seen.append(what),
    )
    assert not stale.exists()
    assert cards[0].instructions == len(own)
    assert cards[0].tasks["scene_topic"] is not None
    assert cards[0].calibrated == {}
    assert cards[0].low_mass is not None
    mass = cards[0].low_mass["scene_topic"]
    assert 0 <= mass < LEAST_MASS
    assert f"; its options have {mass:.1f}% of the probability" in render_index.cards(cards)
    assert seen == [("tiny-t5", 1, 1)]
    assert index_service.info(engine, tmp_path) == cards
    with pytest.raises(InputError, match="at least 10"):
        index_service.calibrate(engine, tmp_path, own[:2], [topics])


def test_no_index_is_an_error(tiny_engine: TransformersEngine, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="index build"):
        index_service.info(tiny_engine, tmp_path)
