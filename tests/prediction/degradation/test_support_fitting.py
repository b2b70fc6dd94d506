from dataclasses import replace

import numpy as np

from robustness.data.foreign import Foreign, Kind
from robustness.data.tasks import Task
from robustness.prediction.degradation import fitting, support_fitting
from robustness.prediction.degradation.distance import Evidence
from robustness.prediction.degradation.predictor import Point
from robustness.prediction.degradation.support import Judge
from robustness.prediction.degradation.support_fitting import ForeignPoint
from robustness.types import TaskSource
from robustness.workbench import Workbench

SHARED = ("subject", "topic", "theme", "about", "deals")
CLUES = Evidence(distance=1.0, relative=1.0, percentile=40.0, deficit=0.0, conflict=False)


def words(rng: np.random.Generator, count: int) -> list[str]:
    return ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(count)]


def point(task: Task, text: str, source: str) -> Point:
    return Point(
        instruction_id=text, text=text, task=task.id, degradation=float(len(text) % 7),
        evidence=dict.fromkeys(TaskSource, CLUES), source=source,
    )


def written(task: Task, source: str, rng: np.random.Generator) -> list[Point]:
    """Paraphrases of one source: words that all use, beside words that only this one uses."""
    own = words(rng, 6)
    return [
        point(task, " ".join([*rng.choice(own, 2), *rng.choice(SHARED, 2)]), source)
        for _ in range(16)
    ]


def foreign(task: Task, rng: np.random.Generator) -> list[ForeignPoint]:
    return [
        ForeignPoint(
            text=Foreign(text=text, kind=Kind.CHAT), point=point(task, text, ""),
            right=np.zeros(0, dtype=bool), usual=np.zeros(0),
        )
        for text in (" ".join(words(rng, 5)) for _ in range(40))
    ]


def test_with_several_sources_a_rule_is_judged_on_one_that_it_has_not_seen(
    workbench: Workbench, topics: Task
) -> None:
    rng = np.random.default_rng(0)
    sources = {name: written(topics, name, rng) for name in "abcd"}
    new, index = sources.pop("d"), workbench.index()
    strange = foreign(topics, rng)
    refused = {}
    for named in (True, False):
        known = [
            p if named else replace(p, source="") for points in sources.values() for p in points
        ]
        support = support_fitting.fit(index, known, strange, [topics])
        assert support is not None
        judge = Judge(index, replace(fitting.fit(index, known), support=support))
        refused[named] = np.mean([
            not judge.inside(TaskSource.GIVEN, p.text, topics.id, CLUES, None) for p in new
        ])
        gone = np.mean([
            not judge.inside(TaskSource.GIVEN, f.text.text, topics.id, CLUES, None)
            for f in foreign(topics, rng)
        ])
        assert gone >= 0.9
    assert refused[True] <= 0.4
    # By a rule whose folds divide the sources, wordings of another one are refused more often.
    assert refused[False] >= 0.8


def test_too_few_texts_make_no_rule(workbench: Workbench, topics: Task) -> None:
    rng = np.random.default_rng(0)
    points = written(topics, "a", rng)
    assert len(points) < support_fitting.MINIMUM
    assert support_fitting.fit(workbench.index(), points, foreign(topics, rng), [topics]) is None


def test_two_rules_together_refuse_no_more_than_one_alone() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 200))
    (alone,) = support_fitting._limits([first], 0.05)
    assert alone == np.quantile(first, 0.05)
    limits = support_fitting._limits([first, second], 0.05)
    refused = (first < limits[0]) | (second < limits[1])
    assert 5 <= refused.sum() <= 10
    assert support_fitting._limits([first, first], 0.05) == [alone, alone]
