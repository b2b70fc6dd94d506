from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from robustness import paths
from robustness.errors import InputError
from robustness.index import observed_index
from robustness.models.adapters import shipped
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction.degradation import fitting, stopping, stopping_fitting
from robustness.prediction.degradation.predictor import RULE, Point
from robustness.prediction.degradation.probes import Probe
from robustness.prediction.degradation.tier_fitting import Rows
from robustness.types import Prompt, Tier
from robustness.workbench import Workbench
from tests.prediction.degradation.test_degradation import points

ASKED = [
    ("subjectivity", "Say if this is a view or a fact."),
    ("place", "Whereabouts is {name}? {story}"),
    ("scene_mood", "What mood is it? {text}"),
    ("polarity", "Is this a good review or a bad one? {text}"),
]


@pytest.fixture
def loaded(workbench: Workbench) -> observed_index.ObservedIndex:
    return workbench.index()


def tiers(errors: dict[int, float], count: int = 80) -> dict[int, Rows]:
    """The same instructions with a feature that tells their degradation ever better."""
    rng = np.random.default_rng(0)
    y = rng.exponential(15.0, count)
    return {
        k: Rows(
            tasks=np.array(["t"] * count), y=y, usual=np.full(count, 90.0),
            x=(y + rng.normal(0, error, count))[:, None], groups=np.arange(count),
        )
        for k, error in errors.items()
    }


def probed(errors: dict[int, float]) -> list[Point]:
    rng = np.random.default_rng(0)
    made = []
    for p in points(60):
        features = {
            k: (*(0.0,) * 6, p.degradation + float(rng.normal(0, error)), *(0.0,) * 7)
            for k, error in errors.items()
        }
        made.append(replace(p, usual=90.0, probe=Probe(features=features)))
    return made


def test_further_inputs_are_read_where_the_interval_is_wide_and_they_narrow_it() -> None:
    assert stopping.goes_on(30.0, 20.0, 16)
    assert not stopping.goes_on(30.0, 29.0, 16)
    assert not stopping.goes_on(stopping.WIDE, 0.0, 16)
    assert stopping.goes_on(np.array([30.0, 30.0]), np.array([10.0, 30.0]), 16).tolist() == [
        True, False,
    ]


def test_the_rules_own_intervals_hold_as_often_as_promised() -> None:
    made = stopping_fitting.fit(tiers({16: 12.0, 32: 4.0, 64: 3.9}), 0.9, 0)
    known = tiers({16: 12.0, 32: 4.0, 64: 3.9})[16]
    assert made.judged.inside(known.y).mean() >= 0.87
    # The third tier is hardly narrower, and the first far too wide.
    assert 16 < made.prompts <= 33
    assert made.factor >= 1.0


def test_nothing_more_is_read_where_more_inputs_tell_no_more() -> None:
    made = stopping_fitting.fit(tiers({16: 5.0, 32: 5.0}), 0.9, 0)
    assert made.prompts < 20


def test_a_calibration_goes_on_and_stops(loaded: observed_index.ObservedIndex) -> None:
    known = probed({16: 20.0, 32: 2.0, 64: 2.0})
    made = fitting.fit(loaded, known)
    assert made.stopping is not None and RULE in made.skills
    found = made.stopped(known[0])
    assert (found.tier, found.inputs) == (Tier.PROBES, 32)
    assert found.skill == made.stopping.skill
    fixed = made.estimates(known[0])["given, 32 unlabelled inputs"]
    assert found.degradation == fixed.degradation
    assert found.high - found.low >= fixed.high - fixed.low - 1e-9


def test_without_a_rule_the_first_number_of_inputs_is_enough(
    loaded: observed_index.ObservedIndex,
) -> None:
    made = fitting.fit(loaded, probed({16: 20.0}))
    assert made.stopping is None and RULE not in made.skills
    assert made.further(10.0, 16) is None


@pytest.mark.slow
def test_auto_reads_on_where_the_rule_says_so_and_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Workbench(TransformersEngine(str(paths.BACKBONE), prefixes=shipped(paths.BACKBONE)))
    read, plain = [], TransformersEngine.read

    def counted(self: TransformersEngine, model: str, prompts: Sequence[Prompt]) -> object:
        read.append(len(prompts))
        return plain(self, model, prompts)

    monkeypatch.setattr(TransformersEngine, "read", counted)
    stops = set()
    for model in (bench.original, f"{bench.original}+lora-kl"):
        calibration = bench.calibration(model)
        for task, text in ASKED:
            read.clear()
            made = bench.predict(text, task=task, model=model, probe="auto")
            asked = sum(read)
            stops.add(asked)
            fixed = bench.predict(text, task=task, model=model, probe=asked)
            assert made.tier is Tier.PROBES and f"{asked} unlabelled inputs" in made.basis
            assert made.degradation == pytest.approx(fixed.degradation, abs=1e-3)
            usual = 100.0 * bench.index(model).tasks[task].mean_accuracy
            assert calibration.further(made.degradation, asked, usual=usual, task=task) is None
            if asked > 16:
                first = bench.predict(text, task=task, model=model)
                assert calibration.further(first.degradation, 16, usual=usual, task=task) == 32
    assert {16, 32} <= stops


def test_auto_reads_no_more_than_there_is(workbench: Workbench) -> None:
    fixed = workbench.predict("Which topic?", task="scene_topic")
    assert workbench.predict("Which topic?", task="scene_topic", probe="auto") == fixed
    assert workbench.predict("Which topic?", probe="auto") == workbench.predict("Which topic?")
    with pytest.raises(InputError, match="one or the other"):
        workbench.predict("Which topic?", task="scene_topic", probe="auto", labelled=4)
