"""Dataclasses of an evaluation's results: rows of its tables.

Accuracies, differences and degradations are in points (0 to 100); intervals are 95%.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from robustness.stats.intervals import Estimate
from robustness.types import Provenance

OBSERVED = "observed"
UNOBSERVED = "unobserved"
ALL = "all"
SETS = (ALL, OBSERVED, UNOBSERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that the user named but that was left out."""

    what: str
    """`task`, `column`, `instruction`, `examples`, `input` or `perturbation`."""
    name: str
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The number of solved examples in the prompt, and which random choice of them."""

    shots: int
    draw: int = 0

    @property
    def label(self) -> str:
        """Its name: `zero-shot`, `1-shot`, `1-shot, draw 2`."""
        if not self.shots:
            return "zero-shot"
        return f"{self.shots}-shot" + (f", draw {self.draw + 1}" if self.draw else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRow:
    """Results of one instruction on one task, for one model and condition."""

    model: str
    task: str
    condition: str
    instruction_id: str
    text: str
    collection: str
    observed: bool
    inputs: int
    accuracy: Estimate
    """With Wilson interval."""
    acc_norm: float
    """Accuracy where options are compared by their log-probability per byte of their text."""
    degradation: Estimate | None
    """Mean accuracy of the observed instructions minus this one, with a paired bootstrap interval.
    None: the task has no observed instructions."""
    distance: float | None
    """L2 distance to the nearest other observed instruction, zero-shot; None: there is none."""
    nearest: str | None
    """Id of that instruction."""
    conflict: str | None
    """Message of its label conflicts; a warning, not a prediction."""
    free: Estimate | None
    """Accuracy of the generated answers, where an unparsed answer is wrong; None: not generated."""
    unparsed: int | None
    """Number of generated answers that name no option, or several."""
    difference: Estimate | None = None
    """Aligned minus original accuracy on the same inputs; None for the original model."""
    p: float | None = None
    """Exact McNemar test against the original."""
    p_holm: float | None = None
    """p after Holm's correction over all instructions and tasks of this model and condition."""
    noise_floor: float | None = None
    """Noise floor of the degradation; see `stats.noise`."""
    difference_noise_floor: float | None = None
    """Noise floor of the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """Results of a set of instructions on one task, for one model and condition."""

    model: str
    task: str
    condition: str
    set: str
    """`all`, `observed`, `unobserved`, or a collection's name."""
    instructions: int
    inputs: int
    accuracy: Estimate
    """Mean over instructions and inputs, with bootstrap interval."""
    acc_norm: float
    """Accuracy where options are compared by their log-probability per byte of their text."""
    chance: float
    """Accuracy of a uniform guess among each input's options."""
    mass: float
    """Probability of the options together, mean, in points: how often the model, left to itself,
    would answer with one of them and nothing else."""
    std: float | None
    """Sample standard deviation over instructions; None for a single instruction."""
    spread: float | None
    """Largest minus smallest accuracy; None for a single instruction."""
    cvar10: float
    """Mean accuracy of the worst 10% of instructions."""
    worst: float
    """Accuracy of the worst instruction."""
    worst_case: float
    """Share of inputs that are right under every instruction, in points."""
    consistency: float | None
    """See `sensitivity.consistency`, in [0, 1]; None for a single instruction."""
    pss: float | None
    """See `sensitivity.pss`, in [0, 1]; None for a single instruction."""
    posix: float | None
    """See `sensitivity.posix`, in nats per token, over the label words; None: not computed."""
    free: float | None
    """Accuracy of the generated answers; None: not generated."""
    unparsed: int | None
    """Number of unparsed generated answers."""
    generated: int | None
    """Number of generated answers, including unparsed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """Accuracy of an aligned model minus the original, on the same instructions and inputs."""

    model: str
    task: str
    """A task, or `all` for the mean over tasks."""
    condition: str
    set: str
    instructions: int
    inputs: int
    difference: Estimate
    """With paired bootstrap interval over instructions and inputs."""
    noise_floor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """Results of a group of tasks, as in Tables 3 and 4 of [S1]."""

    model: str
    condition: str
    group: str
    tasks: int
    observed: Estimate | None
    """Mean over tasks of the mean accuracy under observed instructions; None: there are none."""
    observed_std: float | None
    """Mean over tasks of the standard deviation over instructions."""
    unobserved: Estimate | None
    unobserved_std: float | None
    difference: Estimate | None
    """Unobserved minus observed accuracy, over the tasks that have both."""
    distance: float | None
    """Distance to the nearest observed instruction, mean over unobserved ones, then over tasks."""
    noise_floor: float | None = None
    """Noise floor of the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """Regression of degradation on distance over one model's unobserved instructions (Fig. 5)."""

    model: str
    condition: str
    n: int
    slope: float
    """In points per unit of distance."""
    intercept: float
    r: float
    """Pearson's correlation."""
    p: float
    """p-value of no correlation. It takes the instructions as independent, which those of one task
    are not."""
    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Confidence band of the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """The representation of one instruction, projected to two dimensions."""

    instruction_id: str
    observed: bool
    pca: tuple[float, float]
    tsne: tuple[float, float] | None
    """None for fewer than five instructions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """A two-dimensional map of one task's instructions in one model (Fig. 4)."""

    model: str
    task: str
    explained: float
    """Share of the variance explained by the two principal components, in [0, 1]."""
    points: tuple[MapPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterationRow:
    """Accuracy of one model under one kind of instruction, zero-shot, mean over tasks."""

    model: str
    kind: str
    """`observed`, `unobserved`, `closest`, or the kind of alteration of observed instructions."""
    tasks: int
    instructions: int
    accuracy: Estimate
    """With bootstrap interval over instructions and inputs."""
    guess: float | None
    """Accuracy of a random guess on these tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """Effects of the options' order and of a prior for labels: one model and task, zero-shot."""

    model: str
    task: str
    instructions: int
    inputs: int
    accuracy: float
    """Under all instructions."""
    std: float | None
    """Sample standard deviation over instructions; None for a single one."""
    listing: int = 0
    """Number of instructions that list the options; the next five are of these."""
    changed: float | None = None
    """Share of answers that another order of the options changes, in points."""
    listed: float | None = None
    """Accuracy in the given order."""
    permuted: float | None = None
    """Accuracy in the other order."""
    first: float | None = None
    """Share of answers that are the option listed first, in both orders together, in points."""
    even: float | None = None
    """This share if the place did not matter."""
    uncalibrated: float | None = None
    """Accuracy under the instructions that could be filled with empty fields."""
    calibrated: float | None = None
    """Their accuracy with the prior on empty fields subtracted (contextual calibration)."""
    calibrated_std: float | None = None
    """Its sample standard deviation over instructions."""
    favoured: float | None = None
    """Probability of the most probable option on empty fields, mean, in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRow:
    """Accuracy of one model under a family of surface rules, or one rule of it, zero-shot."""

    model: str
    task: str
    """A task, or `all` for the mean over tasks."""
    family: str
    rule: str
    """Empty: the mean over the family's rules."""
    tasks: int
    instructions: int
    """Instructions that the rules change, over all tasks."""
    inputs: int
    given: float
    """Accuracy under these instructions as they were given."""
    accuracy: float
    """Accuracy under the changed ones."""
    degradation: Estimate
    """The first minus the second on the same instructions and inputs, with paired bootstrap
    interval over both."""
    changed: float
    """Share of answers that the change changes, in points."""
    rules: tuple[str, ...]
    """Names of the rules."""
    noise_floor: float | None = None
    """Noise floor of the degradation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRow:
    """The noise floor of one instruction's difference on a task, see `stats.noise`, in points."""

    model: str
    condition: str
    task: str
    """A task, or `all` for the mean over tasks."""
    of: str
    """`degradation`: from the observed instructions; `difference`: aligned minus original."""
    value: float
    sampling: float
    """Its part from other inputs of the same size."""
    repeatability: float | None
    """Its part from other batches; None: nothing was asked again."""
    inputs: int
    asked_again: int | None
    """Number of prompts that the model was asked again."""
    changed_alone: int | None
    """Answers that changed when each of them was asked alone."""
    changed_reordered: int | None
    """Answers that changed when they were asked together in another order."""
    compared: int | None
    """Number of answers that another evaluation gave, too; 0: none was named."""
    changed_elsewhere: int | None
    """Answers of these that are others there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceRow:
    """The share of one component in the variance of being right; see `stats.variance`."""

    model: str
    task: str
    """A task, or `all` for the mean over tasks."""
    component: str
    share: Estimate
    """In points, with bootstrap interval over inputs, wordings and surface forms."""
    inputs: int
    wordings: int
    surfaces: int
    """Forms of each wording: as given, and under each rule that changes all wordings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """How often two models change places when a wording is perturbed."""

    model: str
    other: str
    family: str
    """A family of surface rules, or `all`."""
    cases: int
    """Wordings of tasks under rules."""
    changed: Estimate
    """Share of cases in which the better model under the given wording is the worse one, in
    points; the interval draws the wordings of tasks again."""
    tied: float
    """Share of cases in which the models are equally good before or after, in points."""
    by_inputs: float
    """The share of changes with the wordings as given, on other inputs (bootstrap)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All results of an evaluation."""

    models: tuple[str, ...]
    """Model ids, the original first."""
    tasks: Mapping[str, str]
    """Task id -> title."""
    conditions: tuple[str, ...]
    instructions: tuple[InstructionRow, ...]
    sets: tuple[SetRow, ...]
    differences: tuple[DifferenceRow, ...]
    groups: tuple[GroupRow, ...]
    lines: tuple[LineRow, ...]
    maps: tuple[Map, ...]
    alterations: tuple[AlterationRow, ...]
    """Empty where no altered instructions were evaluated."""
    effects: tuple[EffectRow, ...]
    """Empty where effects were not measured."""
    surfaces: tuple[SurfaceRow, ...] = ()
    """Empty where no surface perturbations were evaluated; so are the next two."""
    variances: tuple[VarianceRow, ...] = ()
    places: tuple[PlaceRow, ...] = ()
    noise: tuple[NoiseRow, ...] = ()
    left: tuple[Left, ...]
    calls: int
    """Number of prompts, of this run and of interrupted ones before."""
    seed: int
    made: Provenance
