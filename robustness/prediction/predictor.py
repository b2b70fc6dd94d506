"""Predicts the degradation under one instruction, with neighbours, distance and conflicts.

Does not load indexes and calibrations; see `catalog.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robustness.data import label_conflicts
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.index import representations
from robustness.index.neighbours import PointSet
from robustness.index.observed_index import inputs_of, known_probes
from robustness.index.representations import Readings
from robustness.prediction import basis, noise
from robustness.prediction.catalog import Catalog
from robustness.prediction.degradation import (
    Estimated,
    Evidence,
    evidence,
    probes,
    user_inputs,
)
from robustness.prediction.degradation.heldout import ALL
from robustness.prediction.degradation.predictor import name_of
from robustness.prediction.degradation.probes import Probe, right_options
from robustness.prediction.degradation.user_inputs import UserInputs
from robustness.prediction.query import Probing, Query, check_probing
from robustness.stats import intervals
from robustness.types import (
    Abstention,
    Conflict,
    Example,
    FloatArray,
    Instruction,
    Nearest,
    Neighbours,
    Prediction,
    Reliance,
    TaskSource,
    Tier,
)

NOMINAL = 0.9
"""Nominal coverage where there is no calibration."""
_SEED = 0
_FIRST_LOOK = 1024
"""Number of neighbours searched first for those whose fields fit."""


def predict(
    query: Query,
    catalog: Catalog,
    *,
    model: str | None = None,
    k: int = 5,
    probe: Probing = 0,
    labelled: int = 0,
) -> Prediction:
    """Predicts the degradation under one instruction.

    Args:
        query: The instruction with its task and inputs.
        catalog: The tasks, indexes and calibrations.
        model: A served model id; by default the original.
        k: Number of neighbours to show.
        probe: Number of unlabelled inputs to read, if more than the representation needs; AUTO: as
            many as narrow the interval enough, see `degradation.stopping`.
        labelled: Number of labelled inputs to read.

    Raises:
        InputError: The text's placeholders do not fit the inputs, or labelled inputs are to be read
            with AUTO.
        NotFoundError: No such model, or the model has no index.
        MismatchError, CorruptFileError, EngineError: See `Catalog.index` and `Engine.read`.
    """
    check_probing(probe, labelled)
    predictor = Predictor(catalog, model, k)
    if isinstance(probe, str):
        return predictor.until_narrow(query)
    wanted = predictor.wanted(query, probe=probe, labelled=labelled)
    readings = predictor.read(query, wanted) if wanted else None
    return predictor.predict(query, readings, labelled=labelled)


class Predictor:
    """Predicts the degradation of one model.

    `wanted` gives the inputs that a prediction needs, so that a caller can read other prompts in
    the same call of the engine; `predict` takes the readings.
    """

    def __init__(self, catalog: Catalog, model: str | None = None, k: int = 5) -> None:
        """Loads the model's index and calibration.

        Args:
            catalog: The tasks, indexes and calibrations.
            model: A served model id; by default the original.
            k: Number of neighbours to show.

        Raises:
            NotFoundError, MismatchError, CorruptFileError: See `Catalog.index`.
        """
        self._catalog = catalog
        self._model = model or catalog.original
        self._index = catalog.index(self._model)
        self._calibration = catalog.calibration(self._model)
        self._judge = catalog.judge(self._model)
        self._held_out = {r.tier: r for r in catalog.held_out(self._model) if r.task_type == ALL}
        self._k = k

    def wanted(
        self, query: Query, *, probe: int = 0, labelled: int = 0
    ) -> tuple[Example, ...]:
        """The inputs on which the instruction is read; none where its task is inferred.

        Args:
            query: The instruction with its task and inputs.
            probe: Number of unlabelled inputs, if more than the representation needs.
            labelled: Number of labelled inputs.
        """
        if query.task is None:
            return user_inputs.kept(query.inputs) if query.inputs else ()
        part = self._index.tasks.get(query.task.id)
        if part is None:
            return user_inputs.kept(_inputs_of(query.task))
        inputs = inputs_of(query.task, self._index.recipe)
        known = known_probes(query.task, self._index.recipe, part)
        return known[: max(len(inputs), probe, labelled)] or inputs

    def check(self, query: Query) -> None:
        """Checks that the index has an observed instruction to compare with.

        Raises:
            InputError: No observed instruction has the same fields.
        """
        known = self._index.instructions.values()
        if query.task is None and not query.inputs:
            if not any(representations.shares_fields(query.instruction, i) for i in known):
                raise _no_fitting_instruction(query.instruction)
            return
        if query.task is None or query.task.id not in self._index.tasks:
            fields = self.wanted(query)[0].fields
            if not any(representations.fits(i, fields) for i in known):
                raise user_inputs.no_fitting_instruction(fields)

    def read(self, query: Query, inputs: Sequence[Example]) -> Readings:
        """The readings of the instruction on inputs, I = 1.

        Raises:
            InputError: The text does not fit the inputs.
            NotFoundError, EngineError: See `Engine.read`.
        """
        return representations.read_on(
            self._catalog.engine, self._model, [query.instruction], inputs
        )

    def until_narrow(self, query: Query) -> Prediction:
        """The prediction from as many unlabelled inputs as narrow the interval enough.

        Raises:
            InputError, NotFoundError, EngineError: See `read` and `predict`.
        """
        wanted = self.wanted(query)
        readings = self.read(query, wanted) if wanted else None
        made = self.predict(query, readings, stopping=True)
        while readings is not None and (more := self._further(query, made, len(wanted))):
            whole = self.wanted(query, probe=more)
            if len(whole) <= len(wanted):
                break
            readings = readings.then(self.read(query, whole[len(wanted) :]))
            wanted = whole
            made = self.predict(query, readings, stopping=True)
        return made

    def _further(self, query: Query, made: Prediction, inputs: int) -> int | None:
        """The number of inputs to go on to after a prediction; None: it is enough."""
        given = query.task is not None and made.task_source is TaskSource.GIVEN
        if self._calibration is None or made.degradation is None or not given:
            return None
        if made.tier is not Tier.PROBES:
            return None
        return self._calibration.further(
            made.degradation, inputs, usual=self._usual(made.task), task=made.task
        )

    def _usual(self, task: str) -> float | None:
        """Mean accuracy of the observed instructions of a task in points; None: not measured."""
        part = self._index.tasks.get(task)
        mean = None if part is None else part.mean_accuracy
        return None if mean is None else mean * 100.0

    def predict(
        self, query: Query, readings: Readings | None, *, labelled: int = 0,
        stopping: bool = False,
    ) -> Prediction:
        """The prediction from the instruction's readings.

        Args:
            query: The instruction with its task and inputs.
            readings: Its readings on the `wanted` inputs, I = 1; None if there are no inputs.
            labelled: Number of inputs whose labels are used.
            stopping: Whether the stopping rule chose the number of inputs.

        Raises:
            InputError: No observed instruction has the fields of the text or of the inputs.
            NotFoundError, EngineError: See `Engine.read`.
        """
        if readings is None:
            return self._inferred(query.instruction)
        if query.task is not None and query.task.id in self._index.tasks:
            return self.on_task(
                query.instruction, query.task, readings, labelled, stopping=stopping
            )
        inputs = query.inputs if query.task is None else _inputs_of(query.task)
        own = self._catalog.user_inputs(inputs, self._model)
        return self._on_inputs(query.instruction, own, readings)

    def on_task(
        self, instruction: Instruction, task: Task, readings: Readings, labelled: int,
        *, probed: bool = True, stopping: bool = False,
    ) -> Prediction:
        """The prediction for a task of the index.

        Args:
            instruction: The user's instruction.
            task: The task with its inputs.
            readings: Readings on the task's first inputs, I = 1.
            labelled: Number of inputs whose labels are used.
            probed: Whether to use the answers as well as the representations.
            stopping: Whether the stopping rule chose the number of inputs.

        Raises:
            NotFoundError, EngineError: See `Engine.read`.
        """
        part = self._index.tasks[task.id]
        inputs = inputs_of(task, self._index.recipe)
        known = known_probes(task, self._index.recipe, part)
        near = part.space.search(readings.mean(len(inputs)), max(self._k, probes.NEIGHBOURS))
        rows = [part.space.rows[i] for i in near.ids[0]]
        near = Neighbours(
            ids=(near.ids[0][: self._k],), distances=near.distances[:, : self._k]
        )
        found = label_conflicts.find(instruction, inputs[0].options)
        accuracies = [part.accuracy(i) for i in near.ids[0]]
        nearest = self._nearest(part.space, near, accuracies, task.id)
        if part.own and instruction.id in part.space.rows:
            return self._measured(instruction, task.id, nearest, found)
        clues = evidence(part.space, near, part.deficit(near.ids[0][0]), found)
        if not part.own:
            return self._without_number(
                instruction, task.id, TaskSource.GIVEN, nearest, found,
                basis.no_baseline(task.task_type), Abstention.NO_BASELINE,
            )
        seen = probes.probe(
            readings.option_logprobs[0, : len(known)], part.probed, rows,
            float(part.correct.mean()), right_options(known[:labelled]),
        ) if probed else None
        made = self._estimated(
            instruction, task.id, TaskSource.GIVEN, clues, nearest, found, seen, stopping=stopping
        )
        if made.degradation is None:
            return made
        return replace(made, noise_floor=noise.of_degradation(part))

    def _on_inputs(
        self, instruction: Instruction, inputs: UserInputs, readings: Readings
    ) -> Prediction:
        """The prediction for user inputs; uses the answers where the inputs are labelled.

        Args:
            instruction: The user's instruction.
            inputs: The observed instructions on these inputs.
            readings: Readings of the instruction on the inputs, I = 1.
        """
        found = label_conflicts.find(instruction, inputs.examples[0].options)
        k = len(inputs.examples)
        clue = user_inputs.evidence_on(self._index, inputs, readings, k, found, neighbours=self._k)
        near = clue.neighbours
        nearest = self._nearest(inputs.space(k), near, self._at_home(near), None)
        return self._estimated(
            instruction, inputs.examples[0].task, TaskSource.INPUTS, clue.evidence, nearest, found,
            clue.probe,
        )

    def _inferred(self, instruction: Instruction) -> Prediction:
        """The prediction without task and inputs; the nearest instruction gives the task."""
        space = self._index.alone
        vector = representations.alone(self._catalog.engine, self._model, [instruction])
        near = self._fitting(instruction, space, vector)
        first = near.ids[0][0]
        task = self._index.home(first) or self._index.instructions[first].task or ""
        nearest = self._nearest(space, near, self._at_home(near), None)
        clues = evidence(space, near, user_inputs.home_deficit(self._index, near.ids[0][0]), ())
        return self._estimated(instruction, task, TaskSource.INFERRED, clues, nearest, ())

    def _fitting(
        self, instruction: Instruction, space: PointSet, vector: FloatArray
    ) -> Neighbours:
        """The k nearest observed instructions whose templates have the instruction's fields.

        Args:
            instruction: The user's instruction.
            space: Points of the observed instructions without inputs.
            vector: The instruction's representation, (1, D) float32.
        """
        most = _FIRST_LOOK
        while True:
            near = space.search(vector, most)
            kept = [
                (number, i) for number, i in enumerate(near.ids[0])
                if representations.shares_fields(instruction, self._index.instructions[i])
            ][: self._k]
            if len(kept) == self._k or most >= len(space.ids):
                break
            most *= 8
        if not kept:
            raise _no_fitting_instruction(instruction)
        rows = [number for number, _ in kept]
        return Neighbours(
            ids=(tuple(i for _, i in kept),), distances=near.distances[:, rows]
        )

    def _at_home(self, near: Neighbours) -> list[float | None]:
        return [user_inputs.home_accuracy(self._index, i) for i in near.ids[0]]

    def _nearest(
        self, space: PointSet, near: Neighbours, accuracies: Sequence[float | None],
        task: str | None,
    ) -> tuple[Nearest, ...]:
        rows = []
        found = zip(near.ids[0], near.distances[0], accuracies, strict=True)
        for instruction_id, distance, accuracy in found:
            known = self._index.instructions[instruction_id]
            rows.append(
                Nearest(
                    instruction_id=instruction_id, text=known.text, collection=known.collection,
                    task=known.task or task, distance=float(distance),
                    percentile=space.percentile(float(distance)),
                    accuracy=None if accuracy is None else accuracy * 100.0,
                )
            )
        return tuple(rows)

    def _measured(
        self,
        instruction: Instruction,
        task: str,
        nearest: tuple[Nearest, ...],
        found: tuple[Conflict, ...],
    ) -> Prediction:
        part = self._index.tasks[task]
        correct = part.correct[part.space.rows[instruction.id]]
        loss = intervals.paired_bootstrap(
            part.correct, correct[None, :], rng=np.random.default_rng(_SEED), coverage=NOMINAL
        )
        return Prediction(
            instruction_id=instruction.id, task=task, task_source=TaskSource.GIVEN,
            degradation=loss.value * 100.0, low=loss.low * 100.0, high=loss.high * 100.0,
            coverage=NOMINAL, tier=Tier.MEASURED, in_support=True, nearest=nearest,
            conflicts=found,
            basis=basis.measured(len(correct)), noise_floor=noise.of_degradation(part),
        )

    def _without_number(
        self,
        instruction: Instruction,
        task: str,
        source: TaskSource,
        nearest: tuple[Nearest, ...],
        found: tuple[Conflict, ...],
        why: str,
        abstains: Abstention,
    ) -> Prediction:
        coverage = NOMINAL if self._calibration is None else self._calibration.coverage
        return Prediction(
            instruction_id=instruction.id, task=task, task_source=source, degradation=None,
            low=None, high=None, coverage=coverage, tier=Tier.DISTANCE, in_support=False,
            nearest=nearest, conflicts=found, basis=why, abstains=abstains,
            reliance=self._reliance(task, source),
        )

    def _reliance(self, task: str, source: TaskSource) -> Reliance | None:
        """How much a task that was given depends on its instruction; None: not measured."""
        support = None if self._calibration is None else self._calibration.support
        if support is None or source is not TaskSource.GIVEN:
            return None
        return support.reliance.get(task)

    def _estimated(
        self,
        instruction: Instruction,
        task: str,
        source: TaskSource,
        clues: Evidence,
        nearest: tuple[Nearest, ...],
        found: tuple[Conflict, ...],
        probe: Probe | None = None,
        *, stopping: bool = False,
    ) -> Prediction:
        if self._calibration is None:
            return self._without_number(
                instruction, task, source, nearest, found,
                basis.NO_CALIBRATION, Abstention.NO_CALIBRATION,
            )
        reliance = self._reliance(task, source)
        given = task if source is TaskSource.GIVEN else None
        made: Estimated = self._calibration.estimate(
            source, clues, probe, usual=None if given is None else self._usual(given), task=given,
            stopping=stopping,
        )
        foreign = self._judge is not None and not self._judge.inside(
            source, instruction.text, task, clues, probe
        )
        if made.degradation is None or made.skill is None or foreign:
            why = Abstention.FOREIGN if foreign else Abstention.TOO_FAR
            return self._without_number(
                instruction, task, source, nearest, found, basis.outside(why, reliance), why
            )
        return Prediction(
            instruction_id=instruction.id, task=task, task_source=source,
            degradation=made.degradation, low=made.low, high=made.high,
            coverage=self._calibration.coverage, tier=made.tier, in_support=made.in_support,
            nearest=nearest, conflicts=found, reliance=reliance,
            basis=basis.estimated(
                made, made.skill,
                self._held_out.get(name_of(source, made, stopping=stopping)),
                self._calibration.coverage,
            ) + basis.unread(reliance),
        )


def _no_fitting_instruction(instruction: Instruction) -> InputError:
    return InputError(
        "no observed instruction has the placeholders of this one "
        f"({', '.join(representations.fields_of(instruction))}); choose a task"
    )


def _inputs_of(task: Task) -> tuple[Example, ...]:
    """Inputs of a task that the index does not have; they are treated as user inputs."""
    found = task.split("dev") or task.examples
    if not found:
        raise InputError(f"the task {task.id} has no inputs to predict on")
    return found
