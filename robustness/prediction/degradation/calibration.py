"""Measures the calibration set: unobserved instructions with their evidence and degradation.

The predictor is fitted to these points; see `fitting.fit`.
"""

from collections.abc import Sequence

from robustness.data import instructions as collections
from robustness.data import label_conflicts
from robustness.data.tasks import Task
from robustness.index import representations
from robustness.index.observed_index import (
    ObservedIndex,
    TaskIndex,
    inputs_of,
    known_probes,
    measured_of,
)
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop, accuracy, evaluate
from robustness.prediction.degradation import probes, user_inputs
from robustness.prediction.degradation.distance import evidence
from robustness.prediction.degradation.fitting import fit
from robustness.prediction.degradation.predictor import Calibration, Point
from robustness.prediction.degradation.probes import Probe, right_options
from robustness.prediction.degradation.user_inputs import UserInputs
from robustness.types import Instruction, TaskSource


def _point(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    task: Task,
    on_inputs: UserInputs,
    instruction: Instruction,
) -> Point:
    part: TaskIndex = index.tasks[task.id]
    inputs = inputs_of(task, index.recipe)
    probed = known_probes(task, index.recipe, part)
    labelled = measured_of(task, index.recipe)
    found = label_conflicts.find(instruction, labelled[0].options)
    readings = representations.read_on(engine, model, [instruction], probed or inputs)
    near = part.space.search(readings.mean(len(inputs)), probes.NEIGHBOURS)
    near_alone = index.alone.search(representations.alone(engine, model, [instruction]), 1)
    measured = accuracy(evaluate(engine, model, [instruction], labelled))
    # `measure` takes only tasks whose observed instructions were measured.
    baseline = float(part.correct.mean())
    probe = probes.probe(
        readings.option_logprobs[0, : len(probed)], part.probed,
        [part.space.rows[i] for i in near.ids[0]], baseline, right_options(probed),
    )
    most = len(on_inputs.examples)
    by_step = {
        k: user_inputs.evidence_on(index, on_inputs, readings, k, found)
        for k in user_inputs.STEPS
        if k <= most
    }
    return Point(
        instruction_id=instruction.id,
        text=instruction.text,
        task=task.id,
        degradation=(baseline - measured) * 100.0,
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


def measure(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
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
        on_progress: Called with (instructions done, number of instructions).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    known = [
        t for t in tasks if t.id in index.tasks and index.tasks[t.id].mean_accuracy is not None
    ]
    work = [
        (task, [
            i for i in collections.for_task(unobserved, task.id, task.task_type)
            if representations.fits(i, task.fields)
        ])
        for task in known
    ]
    total = sum(len(chosen) for _, chosen in work)
    points: list[Point] = []
    for task, chosen in work:
        if not chosen:
            continue
        inputs = inputs_of(task, index.recipe)
        on_inputs = user_inputs.read(engine, model, index, inputs, should_stop=should_stop)
        for instruction in chosen:
            points.append(_point(engine, model, index, task, on_inputs, instruction))
            if on_progress is not None:
                on_progress(len(points), total)
    return points


def calibrate(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    unobserved: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    coverage: float = 0.9,
    seed: int = 0,
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
        on_progress: Called with (instructions done, number of instructions).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        InputError: There are too few instructions.
        CancelledError, NotFoundError, EngineError: See `evaluator.read_cells`.
    """
    points = measure(
        engine, model, index, unobserved, tasks, on_progress=on_progress, should_stop=should_stop
    )
    return fit(index, points, coverage=coverage, seed=seed)
