"""Measures the calibration set: unobserved instructions with their evidence and degradation.

The predictor is fitted to these points; see `fitting.fit`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robustness.data import foreign, label_conflicts, user_instruction
from robustness.data import instructions as collections
from robustness.data.foreign import Part
from robustness.data.tasks import Task
from robustness.index import representations
from robustness.index.observed_index import (
    ObservedIndex,
    TaskIndex,
    inputs_of,
    known_probes,
    measured_of,
    probes_of,
)
from robustness.index.representations import Readings
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop, accuracy, evaluate
from robustness.models.sentence_encoder import Encoder
from robustness.prediction.degradation import probes, support_fitting, user_inputs
from robustness.prediction.degradation.distance import evidence
from robustness.prediction.degradation.fitting import fit
from robustness.prediction.degradation.kept_points import KeptPoints
from robustness.prediction.degradation.predictor import Calibration, Point
from robustness.prediction.degradation.probes import Probe, distributions, right_options
from robustness.prediction.degradation.support_fitting import ForeignPoint
from robustness.prediction.degradation.user_inputs import UserInputs
from robustness.types import Example, Instruction, TaskSource

FOREIGN_EACH = 20
"""Number of foreign texts for each task."""
_FOREIGN_INPUTS = 32
"""Number of inputs on which foreign texts are read, at most."""
Read = dict[str, UserInputs]
"""Task -> the observed instructions on its first inputs, as far as they were read."""


def _point(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    task: Task,
    on_inputs: UserInputs,
    instruction: Instruction,
    *,
    on_test: bool = True,
    most: int | None = None,
) -> tuple[Point, Readings]:
    """A point with its readings on the first `most` probed inputs, by default all.

    Its degradation is that on the test inputs, or else on the probed ones.
    """
    part: TaskIndex = index.tasks[task.id]
    inputs = inputs_of(task, index.recipe)
    probed = known_probes(task, index.recipe, part)[:most]
    labelled = measured_of(task, index.recipe)
    found = label_conflicts.find(instruction, labelled[0].options)
    readings = representations.read_on(engine, model, [instruction], probed or inputs)
    near = part.space.search(readings.mean(len(inputs)), probes.NEIGHBOURS)
    near_alone = index.alone.search(representations.alone(engine, model, [instruction]), 1)
    # Only tasks whose observed instructions were measured are taken.
    baseline = float(part.correct.mean())
    probe = probes.probe(
        readings.option_logprobs[0, : len(probed)], part.probed,
        [part.space.rows[i] for i in near.ids[0]], baseline, right_options(probed),
    )
    if on_test:
        measured = accuracy(evaluate(engine, model, [instruction], labelled))
        degradation = (baseline - measured) * 100.0
    else:
        degradation = probe.losses[max(probe.losses)] if probe.losses else math.nan
    most = len(on_inputs.examples)
    by_step = {
        k: user_inputs.evidence_on(index, on_inputs, readings, k, found)
        for k in user_inputs.STEPS
        if k <= most
    }
    point = Point(
        instruction_id=instruction.id,
        text=instruction.text,
        task=task.id,
        source=instruction.source,
        degradation=degradation,
        usual=baseline * 100.0,
        evidence={
            TaskSource.GIVEN: evidence(part.space, near, part.deficit(near.ids[0][0]), found),
            TaskSource.INPUTS: by_step[most].evidence,
            TaskSource.INFERRED: evidence(
                index.alone,
                near_alone,
                user_inputs.home_deficit(index, near_alone.ids[0][0]),
                found,
            ),
        },
        probe=probe,
        own_evidence={k: c.evidence for k, c in by_step.items()},
        own_probe=Probe(
            features={k: f for c in by_step.values() for k, f in c.probe.features.items()},
            losses={k: loss for c in by_step.values() for k, loss in c.probe.losses.items()},
        ),
    )
    return point, readings


def _measured(index: ObservedIndex, tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose observed instructions were measured."""
    return [
        t for t in tasks if t.id in index.tasks and index.tasks[t.id].mean_accuracy is not None
    ]


def _examples(index: ObservedIndex, task: Task) -> tuple[Example, ...]:
    """All inputs on which an instruction is measured, and its answers are compared."""
    return probes_of(task, index.recipe) + measured_of(task, index.recipe)


def _on_inputs(
    engine: Engine, model: str, index: ObservedIndex, task: Task, read: Read | None,
    should_stop: ShouldStop | None,
) -> UserInputs:
    """The observed instructions on a task's first inputs; a second call reads nothing."""
    known = {} if read is None else read
    if task.id not in known:
        known[task.id] = user_inputs.read(
            engine, model, index, inputs_of(task, index.recipe), should_stop=should_stop
        )
    return known[task.id]


def measure(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    read: Read | None = None,
    kept: KeptPoints | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[Point]:
    """Measures unobserved instructions on their tasks, with the evidence of every tier.

    Args:
        engine: Runs the model.
        model: Id of the index's model, served by the engine.
        index: The saved index.
        unobserved: The unobserved instructions.
        tasks: Tasks with examples; those without measured observed instructions are left out, since
            degradation is undefined for them.
        read: Keeps what is read of the observed instructions for a second call.
        kept: What an interrupted call measured; None: nothing is kept.
        on_progress: Called with (instructions done, number of instructions).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    known = _measured(index, tasks)
    work = [
        (task, [
            i for i in collections.for_task(unobserved, task.id, task.task_type)
            if representations.fits(i, task.fields)
        ])
        for task in known
    ]
    total = sum(len(chosen) for _, chosen in work)
    read = {} if read is None else read
    kept = kept or KeptPoints(None, index)
    points: list[Point] = []
    for task, chosen in work:
        examples = _examples(index, task)
        for instruction in chosen:
            point = kept.point(instruction, examples)
            if point is None:
                on_inputs = _on_inputs(engine, model, index, task, read, should_stop)
                point = _point(engine, model, index, task, on_inputs, instruction)[0]
                kept.keep(instruction, examples, point)
            points.append(point)
            if on_progress is not None:
                on_progress(len(points), total)
    return points


def evidence_on_tasks(
    engine: Engine, model: str, index: ObservedIndex, chosen: Sequence[Instruction],
    tasks: Sequence[Task], *, read: Read | None = None,
) -> list[Point]:
    """The evidence on instructions on their tasks; degradation is that on the probed inputs.

    Args:
        engine: Runs the model.
        model: Id of the index's model, served by the engine.
        index: The saved index.
        chosen: Instructions, each for one task.
        tasks: See `measure`.
        read: See `measure`.

    Raises:
        NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    made = []
    for task in _measured(index, tasks):
        on_inputs = _on_inputs(engine, model, index, task, read, None)
        made += [
            _point(
                engine, model, index, task, on_inputs, i, on_test=False, most=_FOREIGN_INPUTS
            )[0]
            for i in chosen if i.task == task.id and representations.fits(i, task.fields)
        ]
    return made


def measure_foreign(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    tasks: Sequence[Task],
    part: Part,
    *,
    seed: int = 0,
    read: Read | None = None,
    kept: KeptPoints | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[ForeignPoint]:
    """The evidence on foreign texts, `FOREIGN_EACH` for each task, as if users had typed them.

    Args:
        engine: Runs the model.
        model: Id of the index's model, served by the engine.
        index: The saved index.
        tasks: See `measure`.
        part: Which part of the foreign texts.
        seed: Seed of the sample.
        read: See `measure`.
        kept: See `measure`.
        on_progress: Called with (texts done, number of texts).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    known = {t.id: t for t in _measured(index, tasks)}
    chosen = foreign.for_tasks(
        list(known), index.instructions.values(), part, each=FOREIGN_EACH, seed=seed
    )
    read = {} if read is None else read
    kept = kept or KeptPoints(None, index)
    made: list[ForeignPoint] = []
    for name, task in known.items():
        inputs = known_probes(task, index.recipe, index.tasks[name])[:_FOREIGN_INPUTS]
        right = np.array(right_options(inputs), dtype=np.int64)
        observed = distributions(index.tasks[name].probed[:, : len(right)]).argmax(-1)
        usual = (observed == right).mean(0)
        examples = _examples(index, task)
        for text in (f for f in chosen if f.task == name):
            typed = user_instruction.instruction(text.text, task.task_type, name)
            found = kept.foreign(typed, examples)
            if found is None:
                on_inputs = _on_inputs(engine, model, index, task, read, should_stop)
                point, readings = _point(
                    engine, model, index, task, on_inputs, typed, on_test=False,
                    most=_FOREIGN_INPUTS,
                )
                mine = distributions(readings.option_logprobs[0, : len(right)]).argmax(-1)
                found = ForeignPoint(text=text, point=point, right=mine == right, usual=usual)
                kept.keep_foreign(typed, examples, found)
            made.append(found)
            if on_progress is not None:
                on_progress(len(made), len(chosen))
    return made


def calibrate(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    coverage: float = 0.9,
    seed: int = 0,
    encoder: Encoder | None = None,
    kept: KeptPoints | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Calibration:
    """Measures the calibration set and fits the predictor to it.

    Args:
        engine: Runs the model.
        model: Id of the index's model, served by the engine.
        index: The saved index.
        unobserved: The instructions of the calibration set.
        tasks: See `measure`.
        coverage: Nominal coverage of the intervals.
        seed: Seed of the folds.
        encoder: See `support_fitting.fit`.
        kept: See `measure`.
        on_progress: Called with (instructions done, number of instructions).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        InputError: There are too few instructions.
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    read: Read = {}
    points = measure(
        engine, model, index, unobserved, tasks, read=read, kept=kept, on_progress=on_progress,
        should_stop=should_stop,
    )
    made = fit(index, points, coverage=coverage, seed=seed)
    strange = measure_foreign(
        engine, model, index, tasks, Part.DEVELOPMENT, seed=seed, read=read, kept=kept,
        on_progress=on_progress, should_stop=should_stop,
    )
    support = support_fitting.fit(index, points, strange, tasks, seed=seed, encoder=encoder)
    return replace(made, support=support)
