"""Observed instructions put into an index and taken out: only what is new is read by the model.

Refuses to write: `index.save` does.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from robustness.data.tasks import Task
from robustness.errors import InputError, MismatchError
from robustness.index import observed_index as indexes
from robustness.index import representations, vector_store
from robustness.index.neighbours import PointSet, left_out
from robustness.index.observed_index import (
    IndexRecipe,
    ObservedIndex,
    TaskIndex,
    measured_of,
    observed_for,
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
    """The index as `index.build` would make it of other observed instructions.

    What it holds of those that stay is taken over: vectors, answers, correctness.

    Args:
        engine: Where the model runs.
        model: A served model id, the one of the index.
        index: Loaded with `mapped=False`; it must not be searched afterwards.
        observed: All that shall be in it, new ones behind the others.
        tasks: With their examples; all tasks of the index among them.
        on_progress: Called with (tasks done, tasks).
        should_stop: Asked between chunks.

    Raises:
        InputError: Nothing would be observed, or a task of the index is not given.
        MismatchError: A task has other inputs than when the index was built.
        NotFoundError, EngineError, CancelledError: See `evaluation.read_cells`.
    """
    if not observed:
        raise InputError("an index needs at least one observed instruction; this would take all")
    absent = sorted(set(index.tasks) - {task.id for task in tasks})
    if absent:
        raise InputError(
            f"the index holds the task {absent[0]}, which is not among the given; give its file "
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
        made=provenance.collect(schema=indexes.SCHEMA, device=engine.name),
    )


def _task(
    engine: Engine,
    model: str,
    index: ObservedIndex,
    task: Task,
    observed: Sequence[Instruction],
    should_stop: ShouldStop | None,
) -> TaskIndex | None:
    """One task's part; None where no observed instruction fits it, or it has no inputs."""
    chosen, own = observed_for(task, observed)
    if not chosen or not probes_of(task, index.recipe):
        return None
    part = index.tasks.get(task.id)
    if part is not None:
        _check(task, part, index.recipe)
    if part is None or part.own != own:
        # Those that stood in for others so far were not measured: all are read.
        return indexes.read_task(engine, model, index.recipe, task, chosen, own, should_stop)
    stay = {i.id for i in chosen}
    kept = _kept(part.space, stay)
    new = [i for i in chosen if i.id not in part.space.rows]
    if not new:
        left = _space(part.space, stay, (), _none(part.space))
        return replace(part, space=left, correct=part.correct[kept], probed=part.probed[kept])
    read = indexes.read_task(engine, model, index.recipe, task, new, own, should_stop)
    return replace(
        part,
        space=_space(part.space, stay, read.space.ids, read.space.vectors),
        correct=np.concatenate([part.correct[kept], read.correct]),
        probed=np.concatenate([part.probed[kept], read.probed]),
    )


def _check(task: Task, part: TaskIndex, recipe: IndexRecipe) -> None:
    """What is kept and what is read must be of the same inputs."""
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
    """Rows of those that stay, ascending."""
    return np.array([n for n, i in enumerate(points.ids) if i in stay], dtype=np.int64)


def _space(
    points: PointSet, stay: AbstractSet[str], new: Sequence[str], added: FloatArray
) -> PointSet:
    """Points of which some are taken out, with (A, D) float32 new ones put behind the rest."""
    kept = _kept(points, stay)
    if len(kept) == len(points.ids) and not new:
        return points
    ids = (*(points.ids[row] for row in kept), *new)
    searcher = vector_store.changed(points.searcher, kept, added)
    return PointSet(ids, searcher, left_out(searcher, searcher.vectors()))
