"""Fits and applies the predictor: evidence on an instruction -> degradation with an interval.

The predictor is fitted to a calibration set of measured unobserved instructions, separately for
each source of the task (given, user inputs, inferred):

    tier 0   ridge regression of degradation on the distance features (`distance.features`)
    tier 1   ridge regression on these and the label-free features of k inputs (`probes.features`),
             one for each k
    tier 2   the loss on k labelled inputs, shrunk towards tier 1 by one learned weight

Each tier's interval comes from its cross-fitted residuals, see `conformal`. Beyond the largest
relative distance of the calibration set the predictor abstains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sklearn.dummy import DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from robustness.errors import CorruptFileError, InputError, MismatchError
from robustness.index.observed_index import ObservedIndex
from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.conformal import Band, Floats
from robustness.prediction.degradation.distance import Evidence, features
from robustness.prediction.degradation.probes import Probe
from robustness.prediction.degradation.skill import Skill, measure_skill
from robustness.stats import near_duplicates
from robustness.storage import files, provenance
from robustness.storage.validation import first_fault
from robustness.types import Provenance, RepresentationSpec, TaskSource, Tier

SCHEMA = 3
FILE = "calibration.json"
MINIMUM = 10
"""Least number of measured instructions."""
_FOLDS = 10
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the calibration set: an unobserved instruction measured on one task."""

    instruction_id: str
    text: str
    task: str
    degradation: float
    """Measured degradation in points."""
    evidence: Mapping[TaskSource, Evidence]
    probe: Probe = field(default_factory=Probe)
    """Answers on the task's inputs."""
    own_evidence: Mapping[int, Evidence] = field(default_factory=dict)
    """Number of inputs -> evidence as if the user had given these inputs."""
    own_probe: Probe = field(default_factory=Probe)
    """Answers as if the user had given these inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A linear regression on features, with its conformal band and its range."""

    weights: tuple[float, ...]
    intercept: float
    low: float
    high: float
    largest_relative: float
    """Largest relative distance in the calibration set."""
    skill: Skill
    pairs: tuple[tuple[float, float], ...]
    """(cross-fitted prediction, measured degradation) of every instruction, in points."""

    def value(self, x: Floats) -> float:
        """Predicted degradation in points for the features x, (F,)."""
        return float(x @ np.array(self.weights)) + self.intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """Shrinkage of the loss on labelled inputs towards the label-free prediction (tier 2)."""

    weight: float
    """Weight of the loss on labelled inputs, in [0, 1]."""
    low: float
    high: float
    skill: Skill
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A predicted degradation in points, or an abstention (None)."""

    degradation: float | None
    low: float | None
    high: float | None
    in_support: bool
    tier: Tier
    inputs: int
    """Number of inputs whose answers were used; 0 in tier 0."""
    skill: Skill | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The fitted predictor of one index."""

    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: Mapping[TaskSource, Line]
    """Tier 0, by source of the task."""
    probed: Mapping[TaskSource, Mapping[int, Line]]
    """Tier 1: number of inputs -> regression on the distance and on `probes.features`."""
    labelled: Mapping[TaskSource, Mapping[int, Shrinkage]]
    """Tier 2: number of labelled inputs -> shrinkage towards tier 1 on as many inputs."""
    points: tuple[Point, ...]
    """The calibration set."""
    made: Provenance

    @property
    def tiers(self) -> dict[str, Line | Shrinkage]:
        """All fitted tiers, by names such as `given, 16 unlabelled inputs`."""
        made: dict[str, Line | Shrinkage] = {
            f"{source}, distance": line for source, line in self.lines.items()
        }
        for source, lines in self.probed.items():
            made |= {f"{source}, {k} unlabelled inputs": line for k, line in lines.items()}
        for source, shrunk in self.labelled.items():
            made |= {f"{source}, {k} labelled inputs": s for k, s in shrunk.items()}
        return made

    def estimates(self, point: Point) -> dict[str, Estimated]:
        """Every tier's prediction for a measured instruction, by the names of `tiers`."""
        made = {
            f"{source}, distance": self.estimate(source, point.evidence[source])
            for source in self.lines
        }
        for source, lines in self.probed.items():
            for k in lines:
                seen = Probe(features={k: point_probe(point, source).features[k]})
                name = f"{source}, {k} unlabelled inputs"
                made[name] = self.estimate(source, _clues(point, source, k), seen)
        for source, shrunk in self.labelled.items():
            for k in shrunk:
                full = point_probe(point, source)
                seen = Probe(features={k: full.features[k]}, losses={k: full.losses[k]})
                name = f"{source}, {k} labelled inputs"
                made[name] = self.estimate(source, _clues(point, source, k), seen)
        return made

    def estimate(
        self, source: TaskSource, evidence: Evidence, probe: Probe | None = None
    ) -> Estimated:
        """Predicts from the best tier for which there is evidence, or abstains out of range.

        Args:
            source: Source of the task.
            evidence: The distance evidence.
            probe: Answers on inputs, with or without labels; None: there are none.
        """
        line, probe = self.lines.get(source), probe or Probe()
        lines, shrunk = self.probed.get(source, {}), self.labelled.get(source, {})
        k = max((k for k in lines if k in probe.features), default=0)
        m = max((m for m in shrunk if m in probe.losses and m in probe.features), default=0)
        chosen = lines[m or k] if m or k else line
        if chosen is None or not evidence.usable or evidence.relative > chosen.largest_relative:
            return Estimated(
                degradation=None, low=None, high=None, in_support=False, tier=Tier.DISTANCE,
                inputs=0, skill=None,
            )
        if not k and not m:
            return _estimated(
                chosen.value(features([evidence])[0]), chosen, Tier.DISTANCE, 0
            )
        value = chosen.value(_probed_row(evidence, probe.features[m or k]))
        if m:
            value += shrunk[m].weight * (probe.losses[m] - value)
            return _estimated(value, shrunk[m], Tier.LABELLED, m)
        return _estimated(value, chosen, Tier.PROBES, k)


def point_probe(point: Point, source: TaskSource) -> Probe:
    """Answers of a measured instruction on the inputs of a source."""
    return point.own_probe if source is TaskSource.INPUTS else point.probe


def _clues(point: Point, source: TaskSource, k: int) -> Evidence:
    own = source is TaskSource.INPUTS
    return point.own_evidence[k] if own else point.evidence[source]


def _estimated(value: float, fitted: Line | Shrinkage, tier: Tier, inputs: int) -> Estimated:
    clipped = np.clip(
        [value, value + fitted.low, value + fitted.high], -conformal.LIMIT, conformal.LIMIT
    )
    return Estimated(
        degradation=float(clipped[0]), low=float(clipped[1]), high=float(clipped[2]),
        in_support=True, tier=tier, inputs=inputs, skill=fitted.skill,
    )


def _probed_row(evidence: Evidence, label_free: Sequence[float]) -> Floats:
    """(F,) features of tier 1: the distance features, then the label-free ones."""
    return np.concatenate([features([evidence])[0], np.asarray(label_free, dtype=np.float64)])


def _ridge() -> Any:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """The calibration set with the folds that all tiers share."""

    tasks: tuple[str, ...]
    y: Floats
    distances: Floats
    """(N, F) features of tier 0."""
    groups: npt.NDArray[np.int64]
    held_out: list[conformal.Split]

    def cross_fit(self, regression: Any, x: Floats) -> Floats:
        """(N,) predictions, each by a regression that was not fitted to the row's cluster."""
        predicted: Floats = cross_val_predict(regression, x, self.y, cv=self.held_out)
        return predicted


def _split(points: Sequence[Point], clues: Sequence[Evidence], seed: int) -> _Split:
    groups = near_duplicates.clusters([p.text for p in points])
    return _Split(
        tasks=tuple(p.task for p in points),
        y=np.array([p.degradation for p in points]),
        distances=features(clues),
        groups=groups,
        held_out=conformal.splits(groups, _FOLDS, seed),
    )


def _skill(split: _Split, predicted: Floats, limits: Band, coverage: float, seed: int) -> Skill:
    constant = split.cross_fit(DummyRegressor(), split.distances)
    alone = split.cross_fit(IsotonicRegression(out_of_bounds="clip"), split.distances[:, :1])
    residuals = split.y - predicted
    inside = conformal.covered(residuals, split.held_out, coverage)
    return measure_skill(
        tasks=split.tasks, measured=split.y, predicted=predicted, constant=constant,
        distance=alone, inside=inside, width=limits.high - limits.low,
        clusters=len(np.unique(split.groups)), seed=seed,
    )


def _pairs(split: _Split, predicted: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(p), float(y)) for p, y in zip(predicted, split.y, strict=True))


def _fit_line(split: _Split, x: Floats, coverage: float, seed: int) -> tuple[Line, Floats]:
    """Fits the regression on x (N, F); returns it with its cross-fitted predictions (N,)."""
    predicted = split.cross_fit(_ridge(), x)
    limits: Band = conformal.band(split.y - predicted, coverage)
    scaler, ridge = _ridge().fit(x, split.y).named_steps.values()
    # The regression is on standardised features; the weights are converted to the raw ones.
    weights = ridge.coef_ / scaler.scale_
    made = Line(
        weights=tuple(float(w) for w in weights),
        intercept=float(ridge.intercept_ - weights @ scaler.mean_),
        low=limits.low,
        high=limits.high,
        largest_relative=float(np.expm1(split.distances[:, 0].max())),
        skill=_skill(split, predicted, limits, coverage, seed),
        pairs=_pairs(split, predicted),
    )
    return made, predicted


def _shrinkage(
    split: _Split, start: Floats, losses: Floats, coverage: float, seed: int
) -> Shrinkage:
    """Fits the weight w of tier 2: prediction = tier 1 + w (loss on labelled inputs - tier 1).

    w minimises the squared error on the calibration set: with step s = loss - tier 1 and error
    e = y - tier 1, w = s.e / s.s, cut to [0, 1]. A noisy loss (few labelled inputs) gets a small
    weight, as in empirical Bayes. Residuals for the interval use a w fitted to the other folds.
    """
    step, missed = losses - start, split.y - start

    def weight(rows: npt.NDArray[np.intp]) -> float:
        total = float(step[rows] @ step[rows])
        found = float(step[rows] @ missed[rows]) / total if total > 0 else 0.0
        return float(np.clip(found, 0.0, 1.0))

    predicted = start.copy()
    for others, rows in split.held_out:
        predicted[rows] += weight(others) * step[rows]
    limits = conformal.band(split.y - predicted, coverage)
    return Shrinkage(
        weight=weight(np.arange(len(split.y))),
        low=limits.low,
        high=limits.high,
        skill=_skill(split, predicted, limits, coverage, seed),
        pairs=_pairs(split, predicted),
    )


def _tiers(
    points: Sequence[Point], source: TaskSource, coverage: float, seed: int
) -> tuple[dict[int, Line], dict[int, Shrinkage]]:
    """Fits tiers 1 and 2 for every number of inputs for which all points have answers."""
    seen = [point_probe(p, source) for p in points]
    common = set.intersection(*(set(p.features) for p in seen))
    with_labels = set.intersection(*(set(p.losses) for p in seen))
    probed, labelled = {}, {}
    for k in sorted(common):
        split = _split(points, [_clues(p, source, k) for p in points], seed)
        x = np.hstack([split.distances, np.array([p.features[k] for p in seen])])
        probed[k], predicted = _fit_line(split, x, coverage, seed)
        if k in with_labels:
            losses = np.array([p.losses[k] for p in seen])
            labelled[k] = _shrinkage(split, predicted, losses, coverage, seed)
    return probed, labelled


def fit(
    index: ObservedIndex, points: Sequence[Point], *, coverage: float = 0.9, seed: int = 0
) -> Calibration:
    """Fits all tiers for each source of the task (tier 0 only, where the task is inferred).

    Args:
        index: The index that the evidence comes from.
        points: The calibration set.
        coverage: Nominal coverage of the intervals.
        seed: Seed of the assignment of clusters to folds.

    Raises:
        InputError: There are too few points, or too few clusters of near-duplicates.
    """
    lines: dict[TaskSource, Line] = {}
    probed: dict[TaskSource, dict[int, Line]] = {}
    labelled: dict[TaskSource, dict[int, Shrinkage]] = {}
    for source in TaskSource:
        usable = [p for p in points if source in p.evidence and p.evidence[source].usable]
        if len(usable) < MINIMUM:
            raise InputError(
                f"calibration needs at least {MINIMUM} measured unobserved instructions with a "
                f"distance (task {source}), found {len(usable)}"
            )
        split = _split(usable, [p.evidence[source] for p in usable], seed)
        lines[source], _ = _fit_line(split, split.distances, coverage, seed)
        if source is not TaskSource.INFERRED:
            probed[source], labelled[source] = _tiers(usable, source, coverage, seed)
    return Calibration(
        spec=index.spec, index_digest=index.digest, coverage=coverage, lines=lines, probed=probed,
        labelled=labelled, points=tuple(points), made=provenance.collect(schema=SCHEMA, seed=seed),
    )


def save(calibration: Calibration, folder: Path) -> Path:
    """Writes `calibration.json` beside the index's manifest."""
    path = folder / FILE
    files.write_json(path, {"schema": SCHEMA} | files.plain(calibration))
    return path


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: int = Field(alias="schema")
    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: dict[TaskSource, Line]
    probed: dict[TaskSource, dict[int, Line]]
    labelled: dict[TaskSource, dict[int, Shrinkage]]
    points: tuple[Point, ...]
    made: Provenance


def load(folder: Path, index: ObservedIndex) -> Calibration | None:
    """Reads the calibration of an index; None where there is none.

    Raises:
        MismatchError: The calibration belongs to another index.
        CorruptFileError: The file is malformed.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        row = _Document.model_validate(files.read_json(path, schema=SCHEMA))
    except ValidationError as error:
        raise CorruptFileError(f"{path}: {first_fault(error)}") from error
    if row.index_digest != index.digest or row.spec != index.spec:
        raise MismatchError(
            f"{path} was measured with another index than the one beside it (the one before, if "
            "instructions were added or removed); calibrate again with: python -m robustness "
            "calibrate"
        )
    return Calibration(
        spec=row.spec, index_digest=row.index_digest, coverage=row.coverage, lines=row.lines,
        probed=row.probed, labelled=row.labelled, points=row.points, made=row.made,
    )
