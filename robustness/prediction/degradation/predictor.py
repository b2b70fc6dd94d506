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
from robustness.prediction.degradation.conformal import Band, Floats
from robustness.prediction.degradation.distance import Evidence, features
from robustness.prediction.degradation.probes import Probe
from robustness.prediction.degradation.skill import Skill
from robustness.prediction.degradation.stopping import Stopping
from robustness.types import Provenance, Reliance, RepresentationSpec, TaskSource, Tier

RULE = "stopping rule, given"
"""The name of the stopping rule beside those of the tiers."""


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
    usual: float | None = None
    """Mean accuracy of the task's observed instructions in points; None in older calibrations."""
    source: str = ""
    """Where the instruction comes from: see `Instruction.source`; empty in older calibrations."""


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
    by_task: Mapping[str, Band] = field(default_factory=dict)
    """Bands of tasks with measured instructions; `low` and `high` are for others."""

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
    by_task: Mapping[str, Band] = field(default_factory=dict)
    """Bands of tasks with measured instructions; `low` and `high` are for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A linear rule: a text whose score is negative is no instruction."""

    weights: tuple[float, ...]
    intercept: float

    def score(self, x: Floats) -> float:
        """The score of the features x, (F,), less the threshold."""
        return float(x @ np.array(self.weights)) + self.intercept


Rules = Mapping[TaskSource, Mapping[int, Rule]]
"""Source of the task -> number of inputs whose answers are used (0: none) -> rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The rules that compare wordings by a sentence encoder too, see `embeddings`."""

    name: str
    """Folder of the encoder, or its name."""
    layers: int | None
    """Number of its layers that are used; None: all."""
    digest: str
    """Of the known wordings' embeddings, which are kept in a file of their own."""
    rules: Rules
    by_words: Rules
    """Without the encoder. A text has to pass both, since likeness alone says little of a text that
    is like nothing known; the two refuse as many paraphrases as one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What tells instructions from foreign texts, see `support`."""

    rules: Rules
    foreign: tuple[str, ...]
    """The foreign texts that wordings are compared with."""
    named: Mapping[str, tuple[str, ...]]
    """Task -> its options, fields, title and description."""
    reliance: Mapping[str, Reliance]
    """Task -> what its accuracy loses under foreign texts."""
    encoded: Encoded | None = None
    """Used in place of `rules` where this machine has the encoder; None: none was fitted."""


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


def name_of(source: TaskSource, made: Estimated, *, stopping: bool = False) -> str:
    """The name of the tier that a prediction comes from, as in `Calibration.skills`.

    Args:
        source: Source of the task.
        made: The prediction.
        stopping: Whether the stopping rule chose the number of unlabelled inputs.
    """
    match made.tier:
        case Tier.PROBES:
            return RULE if stopping else f"{source}, {made.inputs} unlabelled inputs"
        case Tier.LABELLED:
            return f"{source}, {made.inputs} labelled inputs"
        case _:
            return f"{source}, distance"


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
    stopping: Stopping | None = None
    """None where one number of inputs is calibrated, and in older calibrations."""

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

    @property
    def skills(self) -> dict[str, Skill]:
        """The skill of each tier, by the names of `tiers`, and of the stopping rule."""
        made = {name: fitted.skill for name, fitted in self.tiers.items()}
        return made if self.stopping is None else made | {RULE: self.stopping.skill}

    def cases(self, point: Point) -> dict[str, tuple[TaskSource, Evidence, Probe]]:
        """What each tier sees of a measured instruction, by the names of `skills`."""
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
        if self.stopping is not None:
            made[RULE] = (TaskSource.GIVEN, point.evidence[TaskSource.GIVEN], point.probe)
        return made

    def estimates(self, point: Point) -> dict[str, Estimated]:
        """Every tier's prediction for a measured instruction, by the names of `skills`."""
        made = {
            name: self.estimate(
                *case, usual=point.usual if case[0] is TaskSource.GIVEN else None,
                task=point.task if case[0] is TaskSource.GIVEN else None,
            )
            for name, case in self.cases(point).items() if name != RULE
        }
        return made if self.stopping is None else made | {RULE: self.stopped(point)}

    def stopped(self, point: Point) -> Estimated:
        """The prediction for a measured instruction where the stopping rule ends."""
        source, seen = TaskSource.GIVEN, point_probe(point, TaskSource.GIVEN)
        steps = sorted(k for k in self.probed[source] if k in seen.features)
        for k in steps:
            made = self.estimate(
                source, point.evidence[source], _first(seen, k), usual=point.usual,
                task=point.task, stopping=True,
            )
            if made.degradation is None or self.further(
                made.degradation, k, usual=point.usual, task=point.task
            ) is None:
                break
        return made

    def further(
        self, value: float, inputs: int, *, usual: float | None = None, task: str | None = None
    ) -> int | None:
        """The number of unlabelled inputs to go on to after a prediction; None: it is enough.

        Args:
            value: The predicted degradation, where the task is given.
            inputs: Number of unlabelled inputs that it comes from.
            usual: See `estimate`.
            task: See `estimate`.
        """
        lines = self.probed.get(TaskSource.GIVEN, {})
        more = min((k for k in lines if k > inputs), default=None)
        if self.stopping is None or more is None or inputs not in lines:
            return None
        now, then = (np.ptp(_bounds(value, lines[k], usual, task)) for k in (inputs, more))
        return more if self.stopping.goes_on(float(now), float(then), more - inputs) else None

    def estimate(
        self, source: TaskSource, evidence: Evidence, probe: Probe | None = None, *,
        usual: float | None = None, task: str | None = None, stopping: bool = False,
    ) -> Estimated:
        """Predicts from the best tier for which there is evidence, or abstains out of range.

        Args:
            source: Source of the task.
            evidence: The distance evidence.
            probe: Answers on inputs, with or without labels; None: there are none.
            usual: Mean accuracy of the task's observed instructions in points, which bounds what
                can be lost and gained; None: unknown.
            task: The task, where it was given.
            stopping: Whether the stopping rule chooses the number of unlabelled inputs, so that
                the interval is that of the rule.
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
                chosen.value(features([evidence])[0]), chosen, Tier.DISTANCE, 0, usual, task
            )
        value = chosen.value(probed_row(evidence, probe.features[m or k]))
        value = float(conformal.bounded(value, usual))
        if m:
            value += shrunk[m].weight * (probe.losses[m] - value)
            return _estimated(value, shrunk[m], Tier.LABELLED, m, usual, task)
        if not stopping or self.stopping is None:
            return _estimated(value, chosen, Tier.PROBES, k, usual, task)
        made = _estimated(
            value, chosen, Tier.PROBES, k, usual, task, factor=self.stopping.factor
        )
        return replace(made, skill=self.stopping.skill)


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


def _bounds(
    value: float, fitted: Line | Shrinkage, usual: float | None, task: str | None,
    factor: float = 1.0,
) -> Floats:
    """(2,) the interval around a prediction."""
    band = fitted.by_task.get(task or "", Band(low=fitted.low, high=fitted.high))
    return conformal.bounded(value + factor * np.array([band.low, band.high]), usual)


def _estimated(
    value: float, fitted: Line | Shrinkage, tier: Tier, inputs: int, usual: float | None,
    task: str | None, *, factor: float = 1.0,
) -> Estimated:
    value = float(conformal.bounded(value, usual))
    low, high = _bounds(value, fitted, usual, task, factor)
    return Estimated(
        degradation=value, low=float(low), high=float(high), in_support=True, tier=tier,
        inputs=inputs, skill=fitted.skill,
    )


def probed_row(evidence: Evidence, label_free: Sequence[float]) -> Floats:
    """(F,) features of tier 1: the distance features, then the label-free ones."""
    return np.concatenate([features([evidence])[0], np.asarray(label_free, dtype=np.float64)])
