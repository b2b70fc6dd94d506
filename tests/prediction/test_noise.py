"""The noise floor of a task comes from the index alone, and stands beside predictions."""

from dataclasses import replace

import numpy as np
import pytest

from robustness.cli.render import predictions as render
from robustness.prediction import noise
from robustness.stats import noise as stats
from robustness.types import Tier
from robustness.workbench import Workbench

TASK = "scene_topic"
TEXT = "{text}\nName the topic, please."


def test_a_prediction_has_the_floor_of_its_task(workbench: Workbench) -> None:
    part = workbench.index().tasks[TASK]
    floor = stats.floor([stats.from_others(part.correct)], changed=None, seed=0)
    made = workbench.predict(TEXT, task=TASK)
    assert made.noise_floor == (None if made.degradation is None else floor.value)
    observed = workbench.index().instructions[part.space.ids[0]]
    measured = workbench.predict(observed.text, task=TASK)
    assert measured.tier is Tier.MEASURED and measured.noise_floor == floor.value > 0


def test_a_measurement_has_both_floors_on_the_inputs_of_the_index(workbench: Workbench) -> None:
    first = workbench.measure(TEXT, task=TASK)
    second = workbench.measure(TEXT, task=TASK, model=workbench.aligned[0])
    assert first.noise_floor == noise.of_degradation(workbench.index().tasks[TASK])
    assert first.difference_noise_floor is None
    assert second.difference_noise_floor == noise.of_difference(
        workbench.index().tasks[TASK], workbench.index(workbench.aligned[0]).tasks[TASK]
    )
    # On other inputs than those of the index there is another floor, which is not known.
    assert workbench.measure(TEXT, task=TASK, limit=3).noise_floor is None


def test_too_few_observed_instructions_have_no_floor(workbench: Workbench) -> None:
    part = workbench.index().tasks[TASK]
    assert noise.of_degradation(replace(part, own=False)) is None
    assert noise.of_degradation(replace(part, correct=part.correct[:1])) is None
    other = replace(part, example_ids=part.example_ids[::-1])
    assert noise.of_difference(part, other) is None
    assert noise.of_difference(part, part) == 0.0


@pytest.mark.parametrize(
    ("degradation", "said"),
    [(1.0, "; below the noise floor of ±2.5 points"), (3.0, "; noise floor ±2.5 points")],
)
def test_the_command_says_what_is_below(
    workbench: Workbench, degradation: float, said: str
) -> None:
    observed = workbench.index().instructions[workbench.index().tasks[TASK].space.ids[0]]
    made = replace(
        workbench.predict(observed.text, task=TASK), degradation=degradation, noise_floor=2.5
    )
    assert said in render.prediction(made)
    assert "noise floor" not in render.prediction(replace(made, noise_floor=None))


def test_a_floor_is_computed_once(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    part = replace(workbench.index().tasks[TASK])
    first = noise.of_degradation(part)
    monkeypatch.setattr(np.random, "default_rng", None)
    assert noise.of_degradation(part) == first
