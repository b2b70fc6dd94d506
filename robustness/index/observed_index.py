"""The observed index: where a model's observed instructions lie, as values.

Does not build it (see `building.py`), nor save and load it (see `saved_index.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from robustness import paths
from robustness.data.tasks import Task
from robustness.index.neighbours import PointSet
from robustness.stats.intervals import BoolArray
from robustness.types import Example, FloatArray, Instruction, Provenance, RepresentationSpec

SCHEMA = 2
ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRecipe:
    """How many inputs of each task an index is built from."""

    inputs: int = 16
    """Development inputs of each task over which a representation is averaged."""
    probes: int = 64
    """Development inputs of each task for which the observed instructions' option log-probabilities
    are kept."""
    measured: int = 128
    """Labelled test inputs of each task on which observed instructions are measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskIndex:
    """Representations, answers and accuracy of the observed instructions on one task."""

    space: PointSet
    example_ids: tuple[str, ...]
    """Ids of the N labelled inputs on which accuracy was measured."""
    correct: BoolArray
    """(I, N) bool: right or not, instructions in the order of `space.ids`."""
    own: bool
    """Whether there are observed instructions for this very task. False: those of other tasks of
    its type are used in their place, and their accuracy is no baseline."""
    probe_ids: tuple[str, ...]
    """Ids of the P inputs of `probed`."""
    probed: FloatArray
    """(I, P, C) float32, nats: option log-probabilities on the task's first development inputs;
    NaN where an input has fewer options."""

    def accuracy(self, instruction_id: str) -> float | None:
        """Measured accuracy of one instruction in [0, 1]; None where it was not measured."""
        if not self.own or not self.correct.shape[1]:
            return None
        return float(self.correct[self.space.rows[instruction_id]].mean())

    def deficit(self, instruction_id: str) -> float | None:
        """Mean accuracy of the observed instructions minus that of one, in [-1, 1], or None."""
        own, mean = self.accuracy(instruction_id), self.mean_accuracy
        return None if own is None or mean is None else mean - own

    @property
    def mean_accuracy(self) -> float | None:
        """Mean accuracy over the observed instructions in [0, 1]; None where not measured."""
        return float(self.correct.mean()) if self.own and self.correct.size else None

    @property
    def mass(self) -> float:
        """Probability of the options together, in [0, 1], mean over instructions and `probed`.

        Only where `probed` has log-probabilities as the model gives them, not per byte.
        """
        return float(min(1.0, np.nansum(np.exp(self.probed), axis=-1).mean()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedIndex:
    """The observed instructions of one model, task by task and without any input."""

    spec: RepresentationSpec
    recipe: IndexRecipe
    instructions: Mapping[str, Instruction]
    """Id -> observed instruction."""
    tasks: Mapping[str, TaskIndex]
    alone: PointSet
    """Representations of the instructions without any input: see `representations.alone`."""
    digest: str
    """SHA-256 of the manifest; a calibration belongs to exactly one. Empty before `save`."""
    made: Provenance

    def home(self, instruction_id: str) -> str | None:
        """Id of a task on which an observed instruction was measured; None if there is none."""
        asked = self.instructions[instruction_id].task
        if asked in self.tasks:
            return asked
        return next(
            (n for n, t in self.tasks.items() if t.own and instruction_id in t.space.rows), None
        )


def folder_of(spec: RepresentationSpec, root: Path = paths.INDEXES) -> Path:
    """Folder of a model's index: `<root>/<backbone>/<original or the prefix's name>`."""
    return root / spec.model / (ORIGINAL if spec.prefix is None else spec.prefix.split("@")[0])


def inputs_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The inputs over which an instruction's representation on a task is averaged."""
    return task.split("dev")[: recipe.inputs]


def probes_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The inputs on which answers are compared; `inputs_of` is their beginning or all of them."""
    return task.split("dev")[: max(recipe.inputs, recipe.probes)]


def known_probes(task: Task, recipe: IndexRecipe, part: TaskIndex) -> tuple[Example, ...]:
    """The inputs with kept answers of observed instructions, up to the first that was changed."""
    pairs = zip(probes_of(task, recipe), part.probe_ids, strict=False)
    return tuple(e for e, _ in takewhile(lambda pair: pair[0].id == pair[1], pairs))


def measured_of(task: Task, recipe: IndexRecipe) -> tuple[Example, ...]:
    """The labelled test inputs on which accuracy is measured."""
    return tuple(e for e in task.split("test") if e.answer is not None)[: recipe.measured]
