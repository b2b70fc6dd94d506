import json
from pathlib import Path
from typing import Any

import pytest

from robustness.cli.render import index as render_index
from robustness.data.defaults import LEAST_MASS
from robustness.data.tasks import Task
from robustness.errors import InputError, NotFoundError
from robustness.index import building, saved_index
from robustness.index.observed_index import IndexRecipe, TaskIndex, folder_of
from robustness.models import checkpoint
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import degradation, index_service
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.alignment.trainee import Trainee
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


class Stop(Exception):
    """The interruption."""


def test_an_interrupted_build_goes_on_with_the_task_where_it_stopped(
    tiny_engine: TransformersEngine, tmp_path: Path, observed: list[Instruction], places: Task,
    topics: Task, monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []
    real = building.read_task

    def counted(*given: Any) -> TaskIndex:
        asked[-1].append(given[3].id)
        return real(*given)

    monkeypatch.setattr(building, "read_task", counted)
    spec = tiny_engine.models()[0].spec

    def built(name: str, chosen: list[Instruction], *, measured: int = 8, stop: int = 9) -> Path:
        def report(_: str, done: int, __: int) -> None:
            if done == stop:
                raise Stop

        asked.append([])
        index_service.build(
            tiny_engine, tmp_path / name, chosen, [places, topics],
            recipe=IndexRecipe(inputs=2, measured=measured), report=report,
        )
        return folder_of(spec, tmp_path / name)

    whole = built("whole", observed)
    with pytest.raises(Stop):
        built("stopped", observed, stop=1)
    rest = built("stopped", observed)
    assert asked == [["place", "scene_topic"], ["place"], ["scene_topic"]]
    assert {p.name for p in whole.iterdir()} == {p.name for p in rest.iterdir()}
    for path in whole.iterdir():
        if path.name == saved_index.MANIFEST:
            one, other = (json.loads((f / path.name).read_text()) for f in (whole, rest))
            assert one | {"provenance": None} == other | {"provenance": None}
        else:
            assert path.read_bytes() == (rest / path.name).read_bytes()
    # What was left is of other inputs, or has another instruction: it is read again.
    for measured, chosen in ((4, observed), (8, observed[1:])):
        with pytest.raises(Stop):
            built("changed", observed, stop=1)
        built("changed", chosen, measured=measured)
        assert observed[0].task == "place" and asked[-1] == ["place", "scene_topic"]


def test_the_original_models_index_and_calibration_can_be_left_as_they_are(
    tiny_llama: Path, tmp_path: Path, observed: list[Instruction], topics: Task
) -> None:
    own = [i for i in observed if i.task == topics.id]
    trainee = Trainee(
        AlignRecipe(out=tmp_path / "prefix", method="pt+kl", virtual_tokens=2),
        checkpoint.load(tiny_llama, device="cpu"),
    )
    prefix = tmp_path / "prefix"
    trainee.save(prefix, "# card\n")
    engine = TransformersEngine(tiny_llama, prefixes={"a": prefix}, device="cpu")
    recipe = IndexRecipe(inputs=2, measured=4)
    (card,) = index_service.build(
        engine, tmp_path / "indexes", own, [topics], recipe=recipe, adapters_only=True
    )
    assert card.model == "tiny-llama+a"
    assert [f.name for f in (tmp_path / "indexes/tiny-llama").iterdir()] == ["a"]
    alone = TransformersEngine(tiny_llama, prefixes={}, device="cpu")
    with pytest.raises(InputError, match="name one with --prefix"):
        index_service.calibrate(alone, tmp_path, own, [topics], adapters_only=True)
