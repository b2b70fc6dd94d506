"""Somebody's own inputs: the observed instructions read on them, and what a new one differs in.

Refuses to predict. An own task has no observed accuracy; the nearest observed instructions' at home
stands in for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.errors import InputError
from robustness.index import representations
from robustness.index.neighbours import PointSet, point_set
from robustness.index.observed_index import ObservedIndex
from robustness.index.representations import Readings
from robustness.models.engine import Engine
from robustness.models.evaluator import ShouldStop
from robustness.prediction.degradation.distance import Evidence, evidence
from robustness.prediction.degradation.probes import NEIGHBOURS, Probe, features, lost
from robustness.types import Conflict, Example, Neighbours

STEPS = (1, 2, 4, 8)
"""Numbers of own inputs that are calibrated; more are not read."""
LABELLED = (4, 8)
"""Numbers of labelled own inputs that are calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnInputs:
    """The observed instructions that fit, read on the inputs."""

    examples: tuple[Example, ...]
    """As many as a step of `STEPS`."""
    ids: tuple[str, ...]
    readings: Readings

    def space(self, k: int) -> PointSet:
        """The observed instructions as points on the first k inputs.

        Raises:
            InputError: None fits the inputs.
        """
        if not self.ids:
            raise without_kin(self.examples[0].fields)
        return point_set(self.ids, self.readings.mean(k))


def without_kin(fields: Iterable[str]) -> InputError:
    """What is said where no observed instruction fits inputs with these fields."""
    return InputError(
        f"no observed instruction of the index fits inputs with the fields {', '.join(fields)}, so "
        "there is no distance; build an index with instructions for them: index build --observed "
        "FILE --tasks TASK"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClue:
    """What is known of an instruction on own inputs."""

    neighbours: Neighbours
    evidence: Evidence
    probe: Probe


def step(available: int) -> int:
    """The largest calibrated number of inputs that there are."""
    return max(k for k in STEPS if k <= max(available, STEPS[0]))


def kept(inputs: Sequence[Example]) -> tuple[Example, ...]:
    """The first inputs, as many as are read."""
    return tuple(inputs[: step(len(inputs))])


def read(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    examples: Sequence[Example],
    *,
    should_stop: ShouldStop | None = None,
) -> OwnInputs:
    """Reads all observed instructions that fit the inputs on the first few of them.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluation.read_cells`.
    """
    inputs = kept(examples)
    chosen = [i for i in index.instructions.values() if representations.fits(i, inputs[0].fields)]
    if chosen:
        readings = representations.read_on(engine, model, chosen, inputs, should_stop=should_stop)
    else:
        readings = Readings(
            np.empty((0, len(inputs), 0), dtype=np.float32),
            np.empty((0, len(inputs), 0), dtype=np.float32),
        )
    return OwnInputs(examples=inputs, ids=tuple(i.id for i in chosen), readings=readings)


def home_accuracy(index: ObservedIndex, instruction_id: str) -> float | None:
    """Accuracy in [0, 1] of an observed instruction on a task that it was measured on."""
    home = index.home(instruction_id)
    return None if home is None else index.tasks[home].accuracy(instruction_id)


def home_deficit(index: ObservedIndex, instruction_id: str) -> float | None:
    """Accuracy in [-1, 1] that it lacks there against its peers."""
    home = index.home(instruction_id)
    return None if home is None else index.tasks[home].deficit(instruction_id)


def clue(
    index: ObservedIndex,
    own: OwnInputs,
    readings: Readings,
    k: int,
    found: Sequence[Conflict],
    *,
    neighbours: int = 1,
) -> OwnClue:
    """What the first k inputs say of an instruction.

    Args:
        index: For accuracies at home.
        own: The observed instructions on the inputs.
        readings: The instruction on the same inputs, I = 1.
        k: One of `STEPS`.
        found: Conflicts of the instruction.
        neighbours: To find; `NEIGHBOURS` at least.

    Raises:
        InputError: No observed instruction fits the inputs.
    """
    space_k = own.space(k)
    near = space_k.search(readings.mean(k), max(neighbours, NEIGHBOURS))
    rows = [own.ids.index(i) for i in near.ids[0][:NEIGHBOURS]]
    observed = own.readings.option_logprobs[rows][:, :k]
    mine = readings.option_logprobs[0, :k]
    at_home = [a for i in near.ids[0][:NEIGHBOURS] if (a := home_accuracy(index, i)) is not None]
    label_free = features(
        mine, observed, range(len(rows)), float(np.mean(at_home)) if at_home else 1.0
    )
    right = [e.options.index(e.answer) for e in own.examples[:k] if e.answer is not None]
    losses = {k: lost(mine, observed, right)} if len(right) == k and k in LABELLED else {}
    return OwnClue(
        neighbours=Neighbours(
            ids=(near.ids[0][:neighbours],), distances=near.distances[:, :neighbours]
        ),
        evidence=evidence(space_k, near, home_deficit(index, near.ids[0][0]), found),
        probe=Probe(features={k: label_free}, losses=losses),
    )
