"""Measures unobserved instructions, so that evidence can be compared with what happened.

Refuses to look at unobserved-test: whoever calls gives the instructions.
"""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from robustness import conflicts, representations
from robustness import instructions as collections
from robustness.degradation import probes
from robustness.degradation.distance import evidence
from robustness.degradation.predictor import Calibration, Point, fit
from robustness.engine import Engine
from robustness.evaluation import Progress, ShouldStop, accuracy, evaluate
from robustness.index import (
    ObservedIndex,
    Space,
    TaskIndex,
    inputs_of,
    known_probes,
    measured_of,
    space,
)
from robustness.tasks import Task
from robustness.types import Example, Instruction, TaskSource

OWN_INPUTS = 8
"""Inputs that stand for a task when the user brings their own."""


def space_on(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    examples: Sequence[Example],
    *,
    should_stop: ShouldStop | None = None,
) -> Space:
    """All observed instructions that fit somebody's own inputs, as points on those inputs.

    Raises:
        InputError: None fits their fields.
        CancelledError, NotFoundError, EngineError: See `evaluation.read_cells`.
    """
    chosen = [i for i in index.instructions.values() if representations.fits(i, examples[0].fields)]
    vectors = (
        representations.on_inputs(engine, model, chosen, examples, should_stop=should_stop)
        if chosen
        else np.empty((0, 0), dtype=np.float32)
    )
    return space([i.id for i in chosen], vectors)


def right_options(examples: Sequence[Example]) -> list[int]:
    """Index of the right option of the first examples, as far as they are labelled."""
    known = takewhile(lambda e: e.answer is not None, examples)
    return [e.options.index(str(e.answer)) for e in known]


def deficit_at_home(index: ObservedIndex, instruction_id: str) -> float | None:
    """Accuracy that an observed instruction lacks on a task that it was measured on."""
    home = index.home(instruction_id)
    return None if home is None else index.tasks[home].deficit(instruction_id)


def _point(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    task: Task,
    own_inputs: Space,
    instruction: Instruction,
) -> Point:
    part: TaskIndex = index.tasks[task.id]
    inputs = inputs_of(task, index.recipe)
    probed = known_probes(task, index.recipe, part)
    labelled = measured_of(task, index.recipe)
    found = conflicts.find(instruction, labelled[0].options)
    readings = representations.read_on(
        engine, model, [instruction], probed or inputs, mean_over=len(inputs)
    )
    given = readings.vectors
    own = representations.on_inputs(engine, model, [instruction], inputs[:OWN_INPUTS])
    near = part.space.search(given, probes.NEIGHBOURS)
    near_own = own_inputs.search(own, 1)
    near_alone = index.alone.search(representations.alone(engine, model, [instruction]), 1)
    measured = accuracy(evaluate(engine, model, [instruction], labelled))
    # `calibrate` takes only tasks whose observed instructions were measured.
    baseline = float(part.correct.mean())
    rows = [part.space.ids.index(i) for i in near.ids[0]]
    probe = probes.probe(
        readings.option_logprobs[0, : len(probed)], part.probed, rows, baseline,
        right_options(probed),
    )
    return Point(
        instruction_id=instruction.id,
        text=instruction.text,
        task=task.id,
        degradation=(baseline - measured) * 100.0,
        evidence={
            TaskSource.GIVEN: evidence(part.space, near, part.deficit(near.ids[0][0]), found),
            TaskSource.INPUTS: evidence(
                own_inputs, near_own, deficit_at_home(index, near_own.ids[0][0]), found
            ),
            TaskSource.INFERRED: evidence(
                index.alone, near_alone, deficit_at_home(index, near_alone.ids[0][0]), found
            ),
        },
        probe=probe,
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
    """Measures every unobserved instruction on its tasks, and gathers the evidence before it.

    Args:
        engine: Where the model runs.
        model: A served model id, the one of the index.
        index: With its digest, as saved.
        unobserved: Instructions.
        tasks: With examples; those without observed instructions of their own are left out,
            for there degradation is undefined.
        on_progress: Called with (instructions done, instructions).
        should_stop: Asked between chunks.

    Raises:
        CancelledError, NotFoundError, EngineError: See `evaluation.read_cells`.
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
        inputs = inputs_of(task, index.recipe)[:OWN_INPUTS]
        own_inputs = space_on(engine, model, index, inputs, should_stop=should_stop)
        for instruction in chosen:
            points.append(_point(engine, model, index, task, own_inputs, instruction))
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
    """Measures the development pool and fits the predictor.

    Args:
        engine: Where the model runs.
        model: A served model id, the one of the index.
        index: With its digest, as saved.
        unobserved: The development pool.
        tasks: See `measure`.
        coverage: Nominal, of the intervals.
        seed: Of the folds.
        on_progress: Called with (instructions done, instructions).
        should_stop: Asked between chunks.

    Raises:
        InputError: Too few instructions.
        CancelledError, NotFoundError, EngineError: See `evaluation.read_cells`.
    """
    points = measure(
        engine, model, index, unobserved, tasks, on_progress=on_progress, should_stop=should_stop
    )
    return fit(index, points, coverage=coverage, seed=seed)
