"""Adds observed instructions to an index and removes them; the model runs only on new ones.

Does not write the index; see `saved_index.save`.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from robustness.data.tasks import Task
from robustness.errors import InputError, MismatchError
from robustness.index import building, observed_index, representations, vector_store
from robustness.index.neighbours import PointSet, left_out
from robustness.index.observed_index import (
    IndexRecipe,
    ObservedIndex,
    TaskIndex,
    measured_of,
    probes_of,
)
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop
from robustness.storage import provenance
from robustness.types import FloatArray, Instruction


def update(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    observed: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> ObservedIndex:
    """The index as `building.build` would build it from another set of instructions.

    Vectors, answers and accuracy of the instructions that stay are copied from the old index.

    Args:
        engine: Runs the model.
        model: Id of the index's model, served by the engine.
        index: The old index, loaded with `mapped=False`; it must not be searched afterwards.
        observed: All instructions of the new index, new ones after those that stay.
        tasks: The tasks with their examples, at least all tasks of the old index.
        on_progress: Called with (tasks done, number of tasks).
        should_stop: Called between chunks of prompts; True cancels.

    Returns:
        The new index, not yet saved.

    Raises:
        InputError: There are no observed instructions, or a task of the index is not given.
        MismatchError: A task has other inputs than when the index was built.
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    if not observed:
        raise InputError("an index needs at least one observed instruction; this would remove all")
    absent = sorted(set(index.tasks) - {task.id for task in tasks})
    if absent:
        raise InputError(
            f"the index holds the task {absent[0]}, which was not given; give its file "
            "with --tasks"
        )
    changed: dict[str, TaskIndex] = {}
    for number, task in enumerate(tasks, start=1):
        part = _task(engine, model, index, task, observed, should_stop)
        if part is not None:
            changed[task.id] = part
        if on_progress is not None:
            on_progress(number, len(tasks))
    stay = {i.id for i in observed}
    new = [i for i in observed if i.id not in index.alone.rows]
    added = representations.alone(engine, model, new) if new else _none(index.alone)
    return replace(
        index,
        instructions={i.id: i for i in observed},
        tasks=changed,
        alone=_space(index.alone, stay, [i.id for i in new], added),
        digest="",
        made=provenance.collect(schema=observed_index.SCHEMA, device=engine.name),
    )


def _task(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    task: Task,
    observed: Sequence[Instruction],
    should_stop: ShouldStop | None,
) -> TaskIndex | None:
    """The new index of one task; None where no observed instruction fits it or it has no inputs."""
    chosen, own = building.observed_for(task, observed)
    if not chosen or not probes_of(task, index.recipe):
        return None
    part = index.tasks.get(task.id)
    if part is not None:
        _check(task, part, index.recipe)
    if part is None or part.own != own:
        # So far instructions of other tasks were used, whose accuracy was not measured: run all.
        return building.read_task(engine, model, index.recipe, task, chosen, own, should_stop)
    stay = {i.id for i in chosen}
    kept = _kept(part.space, stay)
    new = [i for i in chosen if i.id not in part.space.rows]
    if not new:
        left = _space(part.space, stay, (), _none(part.space))
        return replace(part, space=left, correct=part.correct[kept], probed=part.probed[kept])
    read = building.read_task(engine, model, index.recipe, task, new, own, should_stop)
    return replace(
        part,
        space=_space(part.space, stay, read.space.ids, read.space.vectors),
        correct=np.concatenate([part.correct[kept], read.correct]),
        probed=np.concatenate([part.probed[kept], read.probed]),
    )


def _check(task: Task, part: TaskIndex, recipe: IndexRecipe) -> None:
    """Kept and new answers must be about the same inputs; raises MismatchError otherwise."""
    probed = tuple(e.id for e in probes_of(task, recipe))
    measured = tuple(e.id for e in measured_of(task, recipe)) if part.own else ()
    if probed != part.probe_ids or measured != part.example_ids:
        raise MismatchError(
            f"the task {task.id} has other inputs than when the index was built; build it again "
            "with: python -m robustness index build"
        )


def _none(points: PointSet) -> FloatArray:
    return np.empty((0, points.searcher.width), dtype=np.float32)


def _kept(points: PointSet, stay: AbstractSet[str]) -> vector_store.Rows:
    """Positions of the instructions that stay, ascending."""
    return np.array([n for n, i in enumerate(points.ids) if i in stay], dtype=np.int64)


def _space(
    points: PointSet, stay: AbstractSet[str], new: Sequence[str], added: FloatArray
) -> PointSet:
    """The point set with only the ids that stay, followed by (A, D) float32 new points."""
    kept = _kept(points, stay)
    if len(kept) == len(points.ids) and not new:
        return points
    ids = (*(points.ids[row] for row in kept), *new)
    searcher = vector_store.changed(points.searcher, kept, added)
    return PointSet(ids, searcher, left_out(searcher, searcher.vectors()))
