"""What a study finds: one row an instruction, a set, a difference, a group.

Refuses to know how it is computed or shown. Accuracies, differences and degradations in points
(0 to 100); intervals 95%.
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
    """Something that was named but is not in the results."""

    what: str
    """`task`, `instruction`, `examples` or `input`."""
    name: str
    reason: str
    """Plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """With how many solved examples, and which draw of them."""

    shots: int
    draw: int = 0

    @property
    def label(self) -> str:
        """`zero-shot`, `1-shot`, `1-shot, draw 2`."""
        if not self.shots:
            return "zero-shot"
        return f"{self.shots}-shot" + (f", draw {self.draw + 1}" if self.draw else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRow:
    """One instruction on one task, under one condition and model."""

    model: str
    task: str
    condition: str
    instruction_id: str
    text: str
    collection: str
    observed: bool
    inputs: int
    accuracy: Estimate
    """Wilson."""
    degradation: Estimate | None
    """Mean of the observed instructions minus this; both drawn again, inputs in pairs. None: no
    observed instruction was measured on the task."""
    distance: float | None
    """L2 to the nearest other observed instruction, zero-shot; None: there is none."""
    nearest: str | None
    """Id of that one."""
    conflict: str | None
    """What it asks for that the scorer does not read; a warning, never a prediction."""
    free: Estimate | None
    """Accuracy of the generated answers, an unparsed one being no right one; None: not asked."""
    unparsed: int | None
    """Generated answers that name no option, or several."""
    difference: Estimate | None = None
    """Aligned minus original on the same inputs; None for the original."""
    p: float | None = None
    """Exact McNemar against the original."""
    p_holm: float | None = None
    """Holm over all instructions and tasks of this model and condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRow:
    """A set of instructions on one task, under one condition and model."""

    model: str
    task: str
    condition: str
    set: str
    """`all`, `observed`, `unobserved`, or a collection's name."""
    instructions: int
    inputs: int
    accuracy: Estimate
    """Mean; instructions and inputs drawn again."""
    chance: float
    """Of a uniform guess among each input's options."""
    std: float | None
    """Sample standard deviation over instructions; None for one, as all that follows."""
    spread: float | None
    """Largest minus smallest."""
    cvar10: float
    """Mean of the worst 10% of instructions."""
    worst: float
    """The worst single instruction."""
    worst_case: float
    """Inputs that every instruction gets right."""
    consistency: float | None
    """Share, in [0, 1], of unordered pairs of instructions that answer alike."""
    pss: float | None
    """[0, 1]: mean pairwise difference in being right (ProSA)."""
    posix: float | None
    """Nats a token (POSIX), over the options' words; None: not asked."""
    free: float | None
    """Accuracy of the generated answers; None: not asked."""
    unparsed: int | None
    generated: int | None
    """Generated answers, the unparsed among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """An aligned model minus the original, on identical (instruction, input) cells."""

    model: str
    task: str
    """Or `all`: the mean over tasks."""
    condition: str
    set: str
    instructions: int
    inputs: int
    difference: Estimate
    """Instructions and inputs drawn again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A group of tasks, in the shapes of Tables 3 and 4 of [S1]."""

    model: str
    condition: str
    group: str
    tasks: int
    observed: Estimate | None
    """Mean over tasks of the mean over observed instructions; None: none."""
    observed_std: float | None
    """Mean over tasks of the standard deviation over instructions."""
    unobserved: Estimate | None
    unobserved_std: float | None
    difference: Estimate | None
    """Unobserved minus observed, over the tasks that have both."""
    distance: float | None
    """Mean over unobserved instructions, then tasks, of the distance to the nearest observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """Degradation against distance over all unobserved instructions of one model (Fig. 5)."""

    model: str
    condition: str
    n: int
    slope: float
    """Points a unit of distance."""
    intercept: float
    r: float
    p: float
    """Points taken as independent, though those of one task are not."""
    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Confidence band of the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """An instruction's representation in two dimensions."""

    instruction_id: str
    observed: bool
    pca: tuple[float, float]
    tsne: tuple[float, float] | None
    """None below five instructions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """One task's instructions as one model represents them (Fig. 4)."""

    model: str
    task: str
    explained: float
    """Share of the variance that the two principal components hold, in [0, 1]."""
    points: tuple[MapPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterationRow:
    """One model under one kind of instruction, zero-shot, mean over tasks."""

    model: str
    kind: str
    """`observed`, `unobserved`, `closest`, or what was done to observed instructions."""
    tasks: int
    instructions: int
    accuracy: Estimate
    """Instructions and inputs drawn again."""
    guess: float | None
    """A random guess on these tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that was found."""

    models: tuple[str, ...]
    """The original first."""
    tasks: Mapping[str, str]
    """Task -> title."""
    conditions: tuple[str, ...]
    instructions: tuple[InstructionRow, ...]
    sets: tuple[SetRow, ...]
    differences: tuple[DifferenceRow, ...]
    groups: tuple[GroupRow, ...]
    lines: tuple[LineRow, ...]
    maps: tuple[Map, ...]
    alterations: tuple[AlterationRow, ...]
    """Empty where none was asked."""
    left: tuple[Left, ...]
    calls: int
    """Prompts that were read for it, in this run and interrupted ones."""
    seed: int
    made: Provenance
