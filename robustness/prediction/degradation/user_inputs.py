"""Evidence for user inputs, which belong to no task of the index.

For user-provided inputs there is no baseline accuracy, so the accuracy of the nearest observed
instructions on the tasks they were measured on is used. Does not predict; see `predictor.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robustness.data import prompts
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
"""Numbers of user inputs that are calibrated; more inputs are not read."""
LABELLED = (4, 8)
"""Numbers of labelled user inputs that are calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserInputs:
    """User inputs, with the readings of the observed instructions that have their fields."""

    examples: tuple[Example, ...]
    """The inputs; their number is in `STEPS`."""
    ids: tuple[str, ...]
    readings: Readings

    def space(self, k: int) -> PointSet:
        """The observed instructions as points, by their representations on the first k inputs.

        Raises:
            InputError: No observed instruction has the fields of the inputs.
        """
        if not self.ids:
            raise no_fitting_instruction(self.examples[0].fields)
        return point_set(self.ids, self.readings.mean(k))


def no_fitting_instruction(fields: Iterable[str]) -> InputError:
    """The error where no observed instruction has the fields of the inputs."""
    return InputError(
        f"no observed instruction of the index fits inputs with the fields {', '.join(fields)}, so "
        "there is no distance; build an index with instructions for them: index build --observed "
        "FILE --tasks TASK"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInputsEvidence:
    """The evidence on an instruction from user inputs."""

    neighbours: Neighbours
    evidence: Evidence
    probe: Probe


def step(available: int) -> int:
    """The largest number in `STEPS` that is at most the number of available inputs."""
    return max(k for k in STEPS if k <= max(available, STEPS[0]))


def kept(inputs: Sequence[Example]) -> tuple[Example, ...]:
    """The first inputs, up to the number that is read."""
    return tuple(inputs[: step(len(inputs))])


def read(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    examples: Sequence[Example],
    *,
    should_stop: ShouldStop | None = None,
) -> UserInputs:
    """Reads the observed instructions that have the inputs' fields on the first few inputs.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    inputs = kept(examples)
    chosen = [i for i in index.instructions.values() if representations.fits(i, inputs[0].fields)]
    if max(len(e.options) for e in inputs) > len(prompts.LETTERS):
        chosen = [i for i in chosen if not prompts.answers_by_letter(i)]
    if chosen:
        readings = representations.read_on(engine, model, chosen, inputs, should_stop=should_stop)
    else:
        readings = Readings(
            np.empty((0, len(inputs), 0), dtype=np.float32),
            np.empty((0, len(inputs), 0), dtype=np.float32),
        )
    return UserInputs(examples=inputs, ids=tuple(i.id for i in chosen), readings=readings)


def home_accuracy(index: ObservedIndex, instruction_id: str) -> float | None:
    """Accuracy in [0, 1] of an observed instruction on the task it was measured on; None: none."""
    home = index.home(instruction_id)
    return None if home is None else index.tasks[home].accuracy(instruction_id)


def home_deficit(index: ObservedIndex, instruction_id: str) -> float | None:
    """The other observed instructions' accuracy on that task minus this one's, in [-1, 1]."""
    home = index.home(instruction_id)
    return None if home is None else index.tasks[home].deficit(instruction_id)


def evidence_on(
    index: ObservedIndex,
    inputs: UserInputs,
    readings: Readings,
    k: int,
    found: Sequence[Conflict],
    *,
    neighbours: int = 1,
) -> UserInputsEvidence:
    """The evidence on an instruction from the first k inputs.

    Args:
        index: Gives the accuracies of the observed instructions on their tasks.
        inputs: The inputs with the readings of the observed instructions.
        readings: The readings of the instruction on the same inputs, I = 1.
        k: Number of inputs, one of `STEPS`.
        found: Conflicts of the instruction.
        neighbours: Number of neighbours to find, at least `NEIGHBOURS`.

    Raises:
        InputError: No observed instruction has the fields of the inputs.
    """
    space_k = inputs.space(k)
    near = space_k.search(readings.mean(k), max(neighbours, NEIGHBOURS))
    rows = [inputs.ids.index(i) for i in near.ids[0][:NEIGHBOURS]]
    observed = inputs.readings.option_logprobs[rows][:, :k]
    mine = readings.option_logprobs[0, :k]
    at_home = [a for i in near.ids[0][:NEIGHBOURS] if (a := home_accuracy(index, i)) is not None]
    label_free = features(
        mine, observed, range(len(rows)), float(np.mean(at_home)) if at_home else 1.0
    )
    right = [e.options.index(e.answer) for e in inputs.examples[:k] if e.answer is not None]
    losses = {k: lost(mine, observed, right)} if len(right) == k and k in LABELLED else {}
    return UserInputsEvidence(
        neighbours=Neighbours(
            ids=(near.ids[0][:neighbours],), distances=near.distances[:, :neighbours]
        ),
        evidence=evidence(space_k, near, home_deficit(index, near.ids[0][0]), found),
        probe=Probe(features={k: label_free}, losses=losses),
    )
