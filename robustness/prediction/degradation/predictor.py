"""Applies a calibration: evidence on an instruction -> degradation with an interval.

A calibration has, for each source of the task (given, user inputs, inferred),

    tier 0   a linear regression of degradation on the distance features (`distance.features`)
    tier 1   a linear regression on these and the label-free features of k inputs
             (`probes.features`), one for each k
    tier 2   the loss on k labelled inputs, shrunk towards tier 1 by one learned weight

Each has the interval of its cross-fitted residuals. Beyond the largest relative distance of the
calibration set the predictor abstains. The tiers are fitted in `fitting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from robustness.prediction.degradation import conformal
from robustness.prediction.degradation.conformal import Floats
from robustness.prediction.degradation.distance import Evidence, features
from robustness.prediction.degradation.probes import Probe
from robustness.prediction.degradation.skill import Skill
from robustness.types import Provenance, Reliance, RepresentationSpec, TaskSource, Tier


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
        # Features were appended since older calibrations, which have no weights for them.
        return float(x[: len(self.weights)] @ np.array(self.weights)) + self.intercept


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
class Rule:
    """A linear rule: a text whose score is negative is no instruction."""

    weights: tuple[float, ...]
    intercept: float

    def score(self, x: Floats) -> float:
        """The score of the features x, (F,), less the threshold."""
        return float(x @ np.array(self.weights)) + self.intercept


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What tells instructions from foreign texts, see `support`."""

    rules: Mapping[TaskSource, Mapping[int, Rule]]
    """Number of inputs whose answers are used (0: none) -> rule."""
    foreign: tuple[str, ...]
    """The foreign texts that wordings are compared with."""
    named: Mapping[str, tuple[str, ...]]
    """Task -> its options, fields, title and description."""
    reliance: Mapping[str, Reliance]
    """Task -> what its accuracy loses under foreign texts."""


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
    support: Support | None = None
    """None in a calibration that is older than support by wording."""

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

    def cases(self, point: Point) -> dict[str, tuple[TaskSource, Evidence, Probe]]:
        """What each tier sees of a measured instruction, by the names of `tiers`."""
        made = {
            f"{source}, distance": (source, point.evidence[source], Probe())
            for source in self.lines
        }
        for source, lines in self.probed.items():
            for k in (k for k in lines if k in point_probe(point, source).features):
                seen = _first(point_probe(point, source), k)
                clues = clues_of(point, source, k)
                made[f"{source}, {k} unlabelled inputs"] = (source, clues, seen)
        for source, shrunk in self.labelled.items():
            full = point_probe(point, source)
            for k in (k for k in shrunk if k in full.losses):
                seen = replace(_first(full, k), losses={k: full.losses[k]})
                made[f"{source}, {k} labelled inputs"] = (source, clues_of(point, source, k), seen)
        return made

    def estimates(self, point: Point) -> dict[str, Estimated]:
        """Every tier's prediction for a measured instruction, by the names of `tiers`."""
        return {name: self.estimate(*case) for name, case in self.cases(point).items()}

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
        value = chosen.value(probed_row(evidence, probe.features[m or k]))
        if m:
            value += shrunk[m].weight * (probe.losses[m] - value)
            return _estimated(value, shrunk[m], Tier.LABELLED, m)
        return _estimated(value, chosen, Tier.PROBES, k)


def _first(probe: Probe, k: int) -> Probe:
    """What is known without labels from the first k inputs."""
    return Probe(features={n: f for n, f in probe.features.items() if n <= k})


def point_probe(point: Point, source: TaskSource) -> Probe:
    """Answers of a measured instruction on the inputs of a source."""
    return point.own_probe if source is TaskSource.INPUTS else point.probe


def clues_of(point: Point, source: TaskSource, k: int) -> Evidence:
    """The distance evidence of a measured instruction, on the first k inputs of a source."""
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


def probed_row(evidence: Evidence, label_free: Sequence[float]) -> Floats:
    """(F,) features of tier 1: the distance features, then the label-free ones."""
    return np.concatenate([features([evidence])[0], np.asarray(label_free, dtype=np.float64)])
