"""Fits the rules of `support` to measured paraphrases and foreign texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness.data.foreign import Foreign, Kind, Part
from robustness.data.foreign import texts as foreign_texts
from robustness.data.tasks import Task
from robustness.index.observed_index import ObservedIndex
from robustness.models.sentence_encoder import Encoder
from robustness.prediction.degradation import embeddings, support
from robustness.prediction.degradation.conformal import Floats, Split
from robustness.prediction.degradation.distance import Evidence
from robustness.prediction.degradation.embeddings import Embeddings
from robustness.prediction.degradation.predictor import (
    Encoded,
    Point,
    Rule,
    Support,
    clues_of,
    point_probe,
)
from robustness.prediction.degradation.skill_measurement import LARGE
from robustness.prediction.degradation.support import Comparison
from robustness.prediction.degradation.wordings import Wordings
from robustness.stats import intervals, near_duplicates
from robustness.stats.intervals import BoolArray
from robustness.types import Reliance, TaskSource


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForeignPoint:
    """A foreign text with its evidence on one task."""

    text: Foreign
    point: Point
    right: BoolArray
    """(N,) bool: right or not on the labelled probed inputs."""
    usual: Floats
    """(N,) share of observed instructions that are right on each."""


ABSTAINED = 0.05
"""Share of the calibration set's paraphrases, cross-fitted, that a rule may refuse."""
INFERRED_BY_WORDS = 0.075
"""The same where the task is inferred and no encoder compares: intervals are so wide there that a
number for one of the many foreign texts misleads more than one for a paraphrase helps."""
SOURCES = 3
"""Least number of sources of paraphrases for folds of whole sources. Wordings of one source are
alike, so that a rule that knows some of them refuses too many of another source's."""
MINIMUM = 30
"""Least number of paraphrases and of foreign texts; below, the distance alone decides."""
_FOLDS = 10
_STRENGTH = 0.3


def fit(
    index: ObservedIndex, points: Sequence[Point], foreign: Sequence[ForeignPoint],
    tasks: Sequence[Task], *, seed: int = 0, encoder: Encoder | None = None,
) -> Support | None:
    """Fits a rule for each source of the task, with and without answers.

    Args:
        index: The index that the evidence comes from.
        points: The calibration set: valid paraphrases.
        foreign: Foreign texts with their evidence.
        tasks: The tasks of the index.
        seed: Seed of the folds and of the bootstrap.
        encoder: Also fits rules that compare wordings by this sentence encoder; None: does not.

    Returns:
        None where there are too few paraphrases or foreign texts.
    """
    if len(points) < MINIMUM or len(foreign) < MINIMUM:
        return None
    named = {
        t.id: tuple(dict.fromkeys([
            *t.options, *(o for e in t.examples for o in e.options), *t.fields, t.title,
            t.description,
        ]))
        for t in tasks if t.id in index.tasks
    }
    strange = foreign_texts(Part.DEVELOPMENT, seed=seed)
    texts = tuple(dict.fromkeys(f.text for f in strange))
    known = support.known(index, points, texts)
    words = Wordings(known, named)
    encoded = None
    if encoder is not None:
        vectors = embeddings.encoded(known, encoder)
        both = (words, Embeddings(known, vectors, encoder))
        by_words, rules = _rules(
            [(words,), both], points, foreign, dict.fromkeys(TaskSource, ABSTAINED), seed
        )
        encoded = Encoded(
            name=encoder.name, layers=encoder.layers, digest=embeddings.digest(vectors),
            rules=rules, by_words=by_words,
        )
    abstained = dict.fromkeys(TaskSource, ABSTAINED) | {TaskSource.INFERRED: INFERRED_BY_WORDS}
    (alone,) = _rules([(words,)], points, foreign, abstained, seed)
    return Support(
        rules=alone, foreign=texts, named=named, reliance=_reliance(foreign, seed),
        encoded=encoded,
    )


def _rules(
    sets: Sequence[Sequence[Comparison]], points: Sequence[Point],
    foreign: Sequence[ForeignPoint], abstained: Mapping[TaskSource, float], seed: int,
) -> list[dict[TaskSource, dict[int, Rule]]]:
    """The rules of each source of the task, for each set of comparisons.

    A text has to pass the rules of every set.
    """
    made: list[dict[TaskSource, dict[int, Rule]]] = [{} for _ in sets]
    for source in TaskSource:
        others = [
            f.point for f in foreign
            if source is TaskSource.GIVEN or f.text.kind is not Kind.OTHER_TASK
        ]
        for k in _steps([*points, *others], source):
            fitted = [_fitted(compared, points, others, source, k, seed) for compared in sets]
            found = [f for f in fitted if f is not None]
            if not found:
                continue
            limits = _limits([scores for _, scores in found], abstained[source])
            for rules, (regression, _), limit in zip(made, found, limits, strict=True):
                rules.setdefault(source, {})[k] = _linear(regression, limit)
    return made


def _limits(scores: Sequence[Floats], abstained: float) -> list[float]:
    """A threshold for each rule, so that all together refuse as many as one alone would.

    Args:
        scores: (N,) cross-fitted scores of the paraphrases by each rule.
        abstained: The share that one rule may refuse.
    """
    most = int((scores[0] < np.quantile(scores[0], abstained)).sum())
    share = abstained
    while True:
        limits = [float(np.quantile(s, share)) for s in scores]
        refused = np.any([s < limit for s, limit in zip(scores, limits, strict=True)], axis=0)
        if refused.sum() <= most:
            return limits
        share = max(0.0, share - 1.0 / len(refused))


def _steps(points: Sequence[Point], source: TaskSource) -> list[int]:
    """0, and the numbers of inputs whose answers all points have: the least of a task's."""
    if source is TaskSource.INFERRED:
        return [0]
    common = sorted(set.intersection(*(set(point_probe(p, source).features) for p in points)))
    return [0, *(common[:1] if source is TaskSource.GIVEN else common)]


def _fitted(
    compared: Sequence[Comparison], valid: Sequence[Point], foreign: Sequence[Point],
    source: TaskSource, k: int, seed: int,
) -> tuple[Pipeline, Floats] | None:
    """Fits a logistic regression; with the (N,) cross-fitted scores of the paraphrases."""

    def clues(point: Point) -> Evidence:
        return point.evidence[source] if k == 0 else clues_of(point, source, k)

    valid, foreign = ([p for p in points if clues(p).usable] for points in (valid, foreign))
    if min(len(valid), len(foreign)) < MINIMUM:
        return None
    every = [*valid, *foreign]
    x = np.array([
        support.row(
            support.compare(
                compared, p.text, p.task if source is TaskSource.GIVEN else None, without=unknown
            ),
            clues(p), point_probe(p, source), k,
        )
        for p, unknown in zip(every, _unknown(valid, foreign), strict=True)
    ])
    y = np.arange(len(every)) < len(valid)
    regression = make_pipeline(
        StandardScaler(), LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
    )
    scores: Floats = cross_val_predict(
        regression, x, y, cv=_folds(valid, foreign, seed), method="decision_function"
    )
    return regression.fit(x, y), scores[y]


def _sources(valid: Sequence[Point]) -> list[str]:
    """The sources of the paraphrases, sorted; empty where there are fewer than `SOURCES`."""
    found = sorted({p.source for p in valid})
    return found if len(found) >= SOURCES else []


def _unknown(valid: Sequence[Point], foreign: Sequence[Point]) -> list[set[str]]:
    """The known wordings that each text is not compared with, so that it is as a new one.

    Its own, and those of its source where whole sources are left out.
    """
    sources = _sources(valid)
    ids: dict[str, set[str]] = {}
    for p in valid:
        ids.setdefault(p.source if sources else p.instruction_id, set()).add(p.instruction_id)
    return [
        *(ids[p.source if sources else p.instruction_id] for p in valid),
        *({p.text} for p in foreign),
    ]


def _folds(valid: Sequence[Point], foreign: Sequence[Point], seed: int) -> list[Split]:
    """Folds of whole sources and of clusters of near-duplicate foreign texts; else of clusters."""
    groups = near_duplicates.clusters([p.text for p in (*valid, *foreign)])
    sources = _sources(valid)
    if sources:
        first = groups.max() + 1
        groups[: len(valid)] = [first + sources.index(p.source) for p in valid]
    folds = StratifiedGroupKFold(
        min(_FOLDS, len(sources)) if sources else _FOLDS, shuffle=True, random_state=seed
    )
    y = np.arange(len(groups)) < len(valid)
    return list(folds.split(groups, y, groups))


def _linear(fitted: Pipeline, threshold: float) -> Rule:
    """A fitted pipeline of scaler and logistic regression as a rule on raw features."""
    scaler, logistic = fitted.named_steps.values()
    weights = logistic.coef_[0] / scaler.scale_
    return Rule(
        weights=tuple(float(w) for w in weights),
        intercept=float(logistic.intercept_[0] - weights @ scaler.mean_ - threshold),
    )


def _reliance(foreign: Sequence[ForeignPoint], seed: int) -> dict[str, Reliance]:
    """What each task's accuracy loses under foreign texts: texts and inputs are resampled."""
    made = {}
    for task in dict.fromkeys(f.point.task for f in foreign):
        rows = [f for f in foreign if f.point.task == task and f.right.size]
        if not rows:
            continue
        usual, right = rows[0].usual[None, :], np.stack([f.right for f in rows])
        lost = intervals.paired_bootstrap_mean(
            [(usual, right)], rng=np.random.default_rng(seed), coverage=0.95
        )
        made[task] = Reliance(
            loss=100.0 * lost.value, low=100.0 * lost.low, high=100.0 * lost.high,
            texts=len(rows), inputs=right.shape[1],
            reads=lost.low > 0 or 100.0 * lost.value >= LARGE,
        )
    return made
