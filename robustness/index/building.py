"""Builds an observed index: reads the observed instructions of every task with a model.

Does not write it; see `saved_index.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from robustness.data import instructions as collections
from robustness.data.tasks import Task
from robustness.errors import (
    InputError,
)
from robustness.index import representations
from robustness.index.neighbours import point_set
from robustness.index.observed_index import (
    SCHEMA,
    IndexRecipe,
    ObservedIndex,
    TaskIndex,
    measured_of,
    probes_of,
)
from robustness.models.engine import Engine
from robustness.models.evaluator import Progress, ShouldStop, correctness, evaluate
from robustness.storage import provenance
from robustness.types import Instruction


def observed_for(task: Task, observed: Sequence[Instruction]) -> tuple[list[Instruction], bool]:
    """The observed instructions to compare with on a task, and whether they are for that task.

    Where no observed instruction is for the task, those of its task type whose templates fit its
    inputs are returned.
    """
    own = [
        i for i in collections.for_task(observed, task.id, task.task_type)
        if representations.fits(i, task.fields)
    ]
    if own:
        return own, True
    kin = [
        i for i in observed
        if i.task_type == task.task_type and representations.fits(i, task.fields)
    ]
    return kin, False


def build(
    engine: Engine,
    model: str,
    observed: Sequence[Instruction],
    tasks: Sequence[Task],
    *,
    recipe: IndexRecipe | None = None,
    known: Mapping[str, TaskIndex] = MappingProxyType({}),
    keep: Callable[[ObservedIndex], object] | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> ObservedIndex:
    """Builds the index of a model: runs every observed instruction on every task that it is for.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        observed: The observed instructions.
        tasks: The tasks, with their examples.
        recipe: How many inputs of each task are used.
        known: Task -> its part, as an interrupted call left it. A part of the same instructions
            and inputs is not read again.
        keep: Called with the index so far after each task that was read.
        on_progress: Called with (tasks done, number of tasks).
        should_stop: Called between chunks of prompts; True cancels.

    Returns:
        The index, not yet saved.

    Raises:
        InputError: There are no observed instructions.
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    recipe = recipe or IndexRecipe()
    info = representations.model_info(engine, model)
    if not observed:
        raise InputError("an index needs at least one observed instruction")
    alone = representations.alone(engine, model, observed)
    made = ObservedIndex(
        spec=info.spec, recipe=recipe, instructions={i.id: i for i in observed}, tasks={},
        alone=point_set([i.id for i in observed], alone), digest="",
        made=provenance.collect(schema=SCHEMA, device=engine.name),
    )
    for number, task in enumerate(tasks, start=1):
        chosen, own = observed_for(task, observed)
        if chosen and probes_of(task, recipe):
            part = known.get(task.id)
            again = part is None or not _same(part, recipe, task, chosen, own)
            if part is None or again:
                part = read_task(engine, model, recipe, task, chosen, own, should_stop)
            made = replace(made, tasks={**made.tasks, task.id: part})
            if again and keep is not None:
                keep(made)
        if on_progress is not None:
            on_progress(number, len(tasks))
    return replace(made, made=provenance.collect(schema=SCHEMA, device=engine.name))


def _same(
    part: TaskIndex, recipe: IndexRecipe, task: Task, chosen: Sequence[Instruction], own: bool
) -> bool:
    """Whether a part is what `read_task` would give."""
    measured = measured_of(task, recipe) if own else ()
    return (
        part.own == own
        and list(part.space.ids) == [i.id for i in chosen]
        and part.probe_ids == tuple(e.id for e in probes_of(task, recipe))
        and part.example_ids == tuple(e.id for e in measured)
    )


def read_task(
    engine: Engine,
    model: str,
    recipe: IndexRecipe,
    task: Task,
    chosen: Sequence[Instruction],
    own: bool,
    should_stop: ShouldStop | None,
) -> TaskIndex:
    """Builds one task's part of an index.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        recipe: How many inputs are used.
        task: A task with development inputs.
        chosen: The observed instructions, at least one.
        own: Whether they are for this task, see `observed_for`; only then is accuracy measured.
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    inputs, labelled = probes_of(task, recipe), measured_of(task, recipe)
    readings = representations.read_on(engine, model, chosen, inputs, should_stop=should_stop)
    records = evaluate(engine, model, chosen if own else [], labelled, should_stop=should_stop)
    return TaskIndex(
        space=point_set([i.id for i in chosen], readings.mean(recipe.inputs)),
        example_ids=tuple(e.id for e in labelled) if own else (),
        correct=correctness(records).reshape(len(chosen), -1),
        own=own,
        probe_ids=tuple(e.id for e in inputs),
        probed=readings.option_logprobs,
    )
