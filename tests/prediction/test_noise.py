"""The noise floor of a task comes from the index alone, and stands beside predictions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness import paths
from robustness.cli.render import predictions as render
from robustness.models import evaluator
from robustness.models.adapters import shipped
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction import noise, predictor
from robustness.scoring import row_scorer
from robustness.stats import noise as stats
from robustness.types import Tier
from robustness.workbench import Workbench

TASK = "scene_topic"
OPINION = "Say if this is a view or a fact."
TEXT = "{text}\nName the topic, please."


def test_a_prediction_has_the_floor_of_its_task(workbench: Workbench) -> None:
    part = workbench.index().tasks[TASK]
    floor = stats.floor([stats.from_others(part.correct)], changed=None, seed=0)
    made = workbench.predict(TEXT, task=TASK)
    assert made.noise_floor == (None if made.degradation is None else floor.value)
    observed = workbench.index().instructions[part.space.ids[0]]
    measured = workbench.predict(observed.text, task=TASK)
    assert measured.tier is Tier.MEASURED and measured.noise_floor == floor.value > 0


@pytest.fixture(scope="module")
def embedded(backbone: Path) -> Workbench:
    """A workbench on the embedded backbone and its first shipped adapter."""
    one = dict(list(shipped(paths.BACKBONE).items())[:1])
    return Workbench(TransformersEngine(backbone, prefixes=one))


def test_a_measurement_has_both_floors_on_the_inputs_of_the_index(embedded: Workbench) -> None:
    task, (other,) = "subjectivity", embedded.aligned
    first = embedded.measure(OPINION, task=task)
    second = embedded.measure(OPINION, task=task, model=other)
    part, adapted = (embedded.index(m).tasks[task] for m in (None, other))
    assert first.noise_floor == noise.of_degradation(part) > 0.0
    assert second.noise_floor == noise.of_degradation(adapted)
    assert first.difference_noise_floor is None
    assert second.difference_noise_floor == noise.of_difference(part, adapted) > 0.0
    # On other inputs than those of the index there is another floor, which is not known.
    assert embedded.measure(OPINION, task=task, limit=3).noise_floor is None


def test_a_scored_row_has_the_floors_of_its_differences(embedded: Workbench) -> None:
    query = embedded.resolve(OPINION, task="subjectivity")
    row = row_scorer.score_row(query, embedded.catalog)
    made = predictor.predict(query, embedded.catalog)
    assert made.degradation is not None and made.noise_floor is not None
    assert row.noise_floor == made.noise_floor
    assert row.below_noise_floor == (abs(made.degradation) < made.noise_floor)
    right = [
        evaluator.correctness(embedded.records(OPINION, task="subjectivity", model=m))
        for m in (None, *embedded.aligned)
    ]
    table = (right[1].astype(float) - right[0])[None, :]
    floor = stats.floor([table], changed=None, seed=0)
    assert row.difference_noise_floor == pytest.approx(floor.value)
    assert row.difference is not None
    assert row.difference_below_noise_floor == floor.below(row.difference)


def test_too_few_observed_instructions_have_no_floor(workbench: Workbench) -> None:
    part = workbench.index().tasks[TASK]
    assert noise.of_degradation(replace(part, own=False)) is None
    assert noise.of_degradation(replace(part, correct=part.correct[:1])) is None
    other = replace(part, example_ids=part.example_ids[::-1])
    assert noise.of_difference(part, other) is None
    # No answer differs: the floor of one that does.
    count = part.correct.shape[1]
    assert noise.of_difference(part, part) == pytest.approx(196 / count, rel=1e-3)


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
