from dataclasses import replace

from robustness.prediction import basis
from robustness.prediction.degradation import Estimated, HeldOut
from robustness.prediction.degradation.predictor import RULE, name_of
from robustness.prediction.degradation.skill import Skill
from robustness.types import TaskSource, Tier

SKILL = Skill(
    n=77, clusters=48, mae=4.0, mae_constant=9.0, mae_distance=9.0, gain=5.0, spearman=0.8,
    spearman_within=0.7, auroc=0.9, coverage=0.91, width=20.0, intervals={"gain": (2.0, 8.0)},
)
MADE = Estimated(
    degradation=3.0, low=-6.0, high=12.0, in_support=True, tier=Tier.PROBES, inputs=16,
    skill=SKILL,
)
HELD = HeldOut(
    tier="given, 16 unlabelled inputs", task_type="all", n=77, abstained=2, coverage=0.77,
    coverage_low=0.66, coverage_high=0.85, width=19.0, mae=5.0, mae_constant=9.0,
)


def test_an_interval_that_held_less_often_than_promised_is_called_too_narrow() -> None:
    said = basis.estimated(MADE, SKILL, HELD, 0.9)
    assert "Of 75 held-out instructions only 77% did, so that the interval is too narrow." in said


def test_nothing_is_said_where_that_is_not_shown() -> None:
    plain = basis.estimated(MADE, SKILL)
    for held in (None, replace(HELD, coverage_high=0.91), replace(HELD, coverage=None)):
        assert basis.estimated(MADE, SKILL, held, 0.9) == plain


def test_a_prediction_is_named_by_its_tier() -> None:
    for made, source, stopping, name in (
        (MADE, TaskSource.GIVEN, False, HELD.tier),
        (MADE, TaskSource.GIVEN, True, RULE),
        (replace(MADE, tier=Tier.LABELLED), TaskSource.INPUTS, False, "inputs, 16 labelled inputs"),
        (replace(MADE, tier=Tier.DISTANCE), TaskSource.INFERRED, False, "inferred, distance"),
    ):
        assert name_of(source, made, stopping=stopping) == name
