"""From evidence to a number with an interval, learned from measured degradations.

Refuses to extrapolate: beyond the largest calibrated distance there is no number.
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
from robustness.types import Provenance, RepresentationSpec, TaskSource, Tier

SCHEMA = 3
FILE = "calibration.json"
MINIMUM = 10
"""Measured instructions below which nothing is fitted."""
_FOLDS = 10
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured unobserved instruction on one task."""

    instruction_id: str
    text: str
    task: str
    degradation: float
    """Points."""
    evidence: Mapping[TaskSource, Evidence]
    probe: Probe = field(default_factory=Probe)
    """On the task's inputs."""
    own_evidence: Mapping[int, Evidence] = field(default_factory=dict)
    """Number of inputs, taken as somebody's own -> distance among all that fit them."""
    own_probe: Probe = field(default_factory=Probe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A linear regression on features, with its band and its range."""

    weights: tuple[float, ...]
    intercept: float
    low: float
    high: float
    largest_relative: float
    """Largest relative distance that was calibrated."""
    skill: Skill
    pairs: tuple[tuple[float, float], ...]
    """(predicted, measured) of every instruction whose cluster was held out, in points."""

    def value(self, x: Floats) -> float:
        """Predicted degradation in points."""
        return float(x @ np.array(self.weights)) + self.intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrinkage:
    """Labelled probes drawn towards what the same probes say without labels."""

    weight: float
    """Of the loss on the labelled probes, in [0, 1]; empirical Bayes."""
    low: float
    high: float
    skill: Skill
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """Predicted degradation in points, or an abstention."""

    degradation: float | None
    low: float | None
    high: float | None
    in_support: bool
    tier: Tier
    inputs: int
    """How many the number stands on; 0 where the inputs give a distance alone."""
    skill: Skill | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns evidence into a prediction, for one index."""

    spec: RepresentationSpec
    index_digest: str
    coverage: float
    lines: Mapping[TaskSource, Line]
    """Tier 0."""
    probed: Mapping[TaskSource, Mapping[int, Line]]
    """Tier 1: number of inputs -> regression on `probes.features` and the distance."""
    labelled: Mapping[TaskSource, Mapping[int, Shrinkage]]
    """Tier 2: number of labelled inputs -> shrinkage towards tier 1 on as many."""
    points: tuple[Point, ...]
    made: Provenance

    @property
    def tiers(self) -> dict[str, Line | Shrinkage]:
        """Everything that was calibrated, by source of the task and what is read."""
        made: dict[str, Line | Shrinkage] = {
            f"{source}, distance": line for source, line in self.lines.items()
        }
        for source, lines in self.probed.items():
            made |= {f"{source}, {k} unlabelled inputs": line for k, line in lines.items()}
        for source, shrunk in self.labelled.items():
            made |= {f"{source}, {k} labelled inputs": s for k, s in shrunk.items()}
        return made

    def estimates(self, point: Point) -> dict[str, Estimated]:
        """What every tier says of a measured instruction, by the names of `tiers`."""
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
        """A number with its interval from the best evidence, or none where it is out of range."""
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
    """What was read of a measured instruction on the inputs of a source."""
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
    """(F,) tier 1's features: those of the distance, then the label-free ones."""
    return np.concatenate([features([evidence])[0], np.asarray(label_free, dtype=np.float64)])


def _ridge() -> Any:
    return make_pipeline(StandardScaler(), RidgeCV(alphas=_STRENGTHS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """Measured points with the folds that every tier is compared on."""

    tasks: tuple[str, ...]
    y: Floats
    distances: Floats
    """(N, F) tier 0's features."""
    groups: npt.NDArray[np.int64]
    held_out: list[conformal.Split]

    def cross_fit(self, regression: Any, x: Floats) -> Floats:
        """(N,) predictions by regressions that saw nothing of the row's cluster."""
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
    """The regression on x (N, F), and its cross-fitted predictions (N,)."""
    predicted = split.cross_fit(_ridge(), x)
    limits: Band = conformal.band(split.y - predicted, coverage)
    scaler, ridge = _ridge().fit(x, split.y).named_steps.values()
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
    """How far to go from tier 1 towards the labelled probes, learned on the measured points."""
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
    """Tiers 1 and 2 for every number of inputs that all points were probed on."""
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
    """Fits one line for each source of the task, and the tiers above for given tasks.

    Args:
        index: That the evidence was gathered from.
        points: Measured unobserved instructions.
        coverage: Nominal, of the intervals.
        seed: Of the assignment of clusters to folds.

    Raises:
        InputError: Too few points, or too few clusters of them.
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
    """Reads the calibration of an index; None where it was never calibrated.

    Raises:
        MismatchError: It belongs to another index.
        CorruptFileError: It cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        row = _Document.model_validate(files.read_json(path, schema=SCHEMA))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CorruptFileError(f"{path}: {key}: {first['msg']}") from error
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
