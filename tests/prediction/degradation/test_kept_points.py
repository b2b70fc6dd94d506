"""An interrupted calibration goes on where it stopped."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robustness.data.tasks import Task
from robustness.index import saved_index
from robustness.index.observed_index import folder_of
from robustness.index.representations import Readings
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import degradation, index_service
from robustness.prediction.degradation import calibration, kept_points
from robustness.prediction.degradation.kept_points import KeptPoints
from robustness.prediction.degradation.predictor import Point
from robustness.types import Instruction, TaskSource

WHATS = {
    "place": ("the room of the person", "where the person in the story is"),
    "scene_topic": ("what the text is about", "the subject of the sentence"),
}


@pytest.fixture
def pool(places: Task, topics: Task) -> list[Instruction]:
    return [
        Instruction(
            text=f"{verb} {what}, please.", collection="unobserved", task_type=task.task_type,
            task=task.id, option_format="dashes", source="a lot",
        )
        for task in (places, topics)
        for what in WHATS[task.id]
        for verb in ("Name", "Determine", "Work out", "Give me")
    ]


class Stop(Exception):
    """The interruption."""


def measured(path: Path) -> dict[str, object]:
    """A calibration without the times and the machine."""
    document: dict[str, object] = json.loads(path.read_text())
    return {k: v for k, v in document.items() if k != "made"}


# Once among the instructions, once among the foreign texts, of which there are 40.
@pytest.mark.parametrize("after", [5, 16 + 25])
def test_an_interrupted_calibration_goes_on_and_ends_the_same(
    after: int, tiny_engine: TransformersEngine, indexes: Path, pool: list[Instruction],
    places: Task, topics: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    roots = [Path(shutil.copytree(indexes, tmp_path / name)) for name in ("whole", "stopped")]
    folders = [folder_of(tiny_engine.models()[0].spec, root) for root in roots]
    asked: list[int] = []
    real = calibration._point

    def counted(*given: Any, **more: Any) -> tuple[Point, Readings]:
        asked[-1] += 1
        return real(*given, **more)

    monkeypatch.setattr(calibration, "_point", counted)

    def calibrate(root: Path, stop: int | None = None) -> None:
        told: list[int] = []

        def report(_: str, done: int, __: int) -> None:
            told.append(done)
            if len(told) == stop:
                raise Stop

        asked.append(0)
        index_service.calibrate(tiny_engine, root, pool, [places, topics], report=report)

    calibrate(roots[0])
    with pytest.raises(Stop):
        calibrate(roots[1], after)
    kept = folders[1] / kept_points.FILE
    assert len(kept.read_text().splitlines()) == after
    # As if the process had died while it wrote.
    with kept.open("a") as file:
        file.write('{"key": "cut o')
    calibrate(roots[1])
    assert asked == [16 + 40, after, 16 + 40 - after]
    assert not any((folder / kept_points.FILE).exists() for folder in folders)
    first, second = (measured(folder / degradation.FILE) for folder in folders)
    assert first == second


def test_points_of_another_index_or_of_other_inputs_are_not_used(
    tiny_engine: TransformersEngine, indexes: Path, pool: list[Instruction], topics: Task,
    tmp_path: Path,
) -> None:
    spec = tiny_engine.models()[0].spec
    index = saved_index.load(folder_of(spec, indexes), spec)
    asked = next(i for i in pool if i.task == topics.id)
    (point,) = calibration.measure(tiny_engine, "tiny-llama", index, [asked], [topics])
    undefined = replace(point, evidence={
        **point.evidence,
        TaskSource.GIVEN: replace(point.evidence[TaskSource.GIVEN], relative=math.nan),
    })
    KeptPoints(tmp_path, index).keep(asked, topics.examples, undefined)
    again = KeptPoints(tmp_path, index)
    found = again.point(asked, topics.examples)
    assert found is not None
    assert math.isnan(found.evidence[TaskSource.GIVEN].relative)
    assert replace(found, evidence=point.evidence) == point
    assert again.point(asked, topics.examples[1:]) is None
    assert again.foreign(asked, topics.examples) is None
    assert KeptPoints(tmp_path, replace(index, digest="0" * 64)).point(
        asked, topics.examples
    ) is None
