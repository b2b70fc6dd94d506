from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness.errors import InputError, MismatchError
from robustness.index import observed_index, saved_index
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import degradation
from robustness.prediction.degradation import conformal, fitting, folds
from robustness.prediction.degradation.distance import Evidence
from robustness.prediction.degradation.predictor import Point
from robustness.stats import near_duplicates
from robustness.types import TaskSource
from robustness.workbench import Workbench


def points(count: int, slope: float = 20.0) -> list[Point]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        relative = float(rng.uniform(0, 3))
        clues = Evidence(
            distance=relative, relative=relative, percentile=min(100.0, relative * 40),
            deficit=0.0, conflict=False,
        )
        word = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 12))
        made.append(
            Point(
                instruction_id=str(number), text=word, task="t",
                degradation=slope * np.log1p(relative) + float(rng.normal(0, 2)),
                evidence=dict.fromkeys(TaskSource, clues),
            )
        )
    return made


@pytest.fixture
def loaded(workbench: Workbench) -> observed_index.ObservedIndex:
    return workbench.index()


def test_near_duplicates_share_a_fold() -> None:
    texts = ["Where is Anna?", "Where is Anna??", "Classify the topic of this text."]
    groups = near_duplicates.clusters(texts)
    held_out = [rows.tolist() for _, rows in folds.splits(groups, 5, seed=0)]
    assert sorted(held_out) == [[0, 1], [2]]
    with pytest.raises(InputError, match="two clusters"):
        folds.splits(np.zeros(3, dtype=np.int64), 5, seed=0)


def test_the_band_is_the_conformal_quantile() -> None:
    residuals = np.arange(1.0, 20.0)
    made = conformal.band(residuals, 0.9)
    assert (made.low, made.high) == (1.0, 19.0)
    assert conformal.band(residuals[:5], 0.9) == conformal.Band(low=-100.0, high=100.0)


def test_new_residuals_lie_inside_the_band_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(300):
        made = conformal.band(rng.normal(size=60), 0.9)
        inside.append(made.low <= rng.normal() <= made.high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_a_fitted_line_beats_the_constant_and_reports_its_skill(
    loaded: observed_index.ObservedIndex,
) -> None:
    made = fitting.fit(loaded, points(80))
    skill = made.lines[TaskSource.GIVEN].skill
    assert skill.mae < skill.mae_constant / 2
    assert skill.coverage == pytest.approx(0.9, abs=0.08)
    assert skill.n == 80


def test_an_interval_ends_where_the_tasks_accuracy_ends(
    loaded: observed_index.ObservedIndex,
) -> None:
    made = fitting.fit(loaded, points(40))
    near = Evidence(distance=1.0, relative=1.0, percentile=40.0, deficit=0.0, conflict=False)
    free, bound = (made.estimate(TaskSource.GIVEN, near, usual=u) for u in (None, 15.0))
    assert free.high > 15.0
    assert bound.high == 15.0
    assert bound.low == pytest.approx(free.low)


def test_coverage_is_told_by_task(loaded: observed_index.ObservedIndex) -> None:
    skill = fitting.fit(loaded, points(80)).lines[TaskSource.GIVEN].skill
    assert np.mean(list(skill.coverage_by_task.values())) == pytest.approx(skill.coverage, abs=0.1)
    assert skill.coverage_by_task[skill.worst_task] == min(skill.coverage_by_task.values())


def test_a_task_has_a_band_of_its_own_or_at_its_scale(
    loaded: observed_index.ObservedIndex,
) -> None:
    sure, unsure = (
        [replace(p, task=name, degradation=p.degradation + error * float(shift))
         for p, shift in zip(points(60), np.random.default_rng(3).normal(size=60), strict=True)]
        for name, error in (("sure", 0.0), ("unsure", 15.0))
    )
    few, rough = (
        [replace(p, task=name, degradation=p.degradation + 30.0 * sign * (-1) ** n)
         for n, p in enumerate(points(9))]
        for name, sign in (("few", 0), ("rough", 1))
    )
    every = [
        replace(p, text=f"{p.task} {p.text}", instruction_id=f"{p.task} {p.instruction_id}")
        for p in (*sure, *unsure, *few, *rough)
    ]
    made = fitting.fit(loaded, every)
    line = made.lines[TaskSource.GIVEN]
    assert set(line.by_task) == {"sure", "unsure", "few", "rough"}
    clues = every[0].evidence[TaskSource.GIVEN]
    width = {}
    for task in ("sure", "unsure", "few", "rough", "another"):
        found = made.estimate(TaskSource.GIVEN, clues, task=task)
        width[task] = found.high - found.low
    assert width["sure"] < width["few"] < width["another"] < width["rough"]
    assert width["few"] < width["unsure"]
    assert min(line.skill.coverage_by_task[t] for t in ("sure", "unsure")) >= 0.8


def test_it_abstains_beyond_the_calibrated_distance(loaded: observed_index.ObservedIndex) -> None:
    made = fitting.fit(loaded, points(40))
    near = Evidence(distance=1.0, relative=1.0, percentile=40.0, deficit=0.0, conflict=False)
    far = Evidence(distance=9.0, relative=9.0, percentile=100.0, deficit=0.0, conflict=False)
    odd = Evidence(
        distance=1.0, relative=float("nan"), percentile=float("nan"), deficit=0.0, conflict=False
    )
    inside = made.estimate(TaskSource.GIVEN, near)
    assert inside.in_support
    assert inside.low < inside.degradation < inside.high
    for out in (far, odd):
        beyond = made.estimate(TaskSource.GIVEN, out)
        assert not beyond.in_support
        assert beyond.degradation is None


def test_few_points_are_not_fitted(loaded: observed_index.ObservedIndex) -> None:
    with pytest.raises(InputError, match="at least 10"):
        fitting.fit(loaded, points(5))


def test_a_calibration_belongs_to_one_index(
    loaded: observed_index.ObservedIndex, tmp_path: Path
) -> None:
    made = fitting.fit(loaded, points(20))
    degradation.save(made, tmp_path)
    again = degradation.load(tmp_path, loaded)
    assert again.lines == made.lines
    assert again.points == made.points
    with pytest.raises(MismatchError, match="calibrate"):
        degradation.load(tmp_path, replace(loaded, digest="other"))
    assert degradation.load(tmp_path / "none", loaded) is None


def test_without_a_calibration_there_is_no_number(
    tiny_engine: TransformersEngine, indexes: Path, tmp_path: Path
) -> None:
    spec = tiny_engine.models()[0].spec
    folder = observed_index.folder_of(spec, tmp_path)
    saved_index.save(saved_index.load(observed_index.folder_of(spec, indexes), spec), folder)
    made = Workbench(tiny_engine, indexes=tmp_path).predict("Which topic?", task="scene_topic")
    assert made.degradation is None
    assert made.nearest
    assert "no calibration" in made.basis


def test_calibrating_measures_the_pool_on_every_source(workbench: Workbench) -> None:
    made = workbench.calibration()
    assert set(made.lines) == set(TaskSource)
    assert len(made.points) == 16
    assert degradation.FILE == "calibration.json"
