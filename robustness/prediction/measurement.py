"""Measures an instruction's accuracy and its degradation from the observed instructions.

Does not predict; see `predictor.py`.
"""

from collections.abc import Sequence

import numpy as np

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.models import evaluator
from robustness.models.evaluator import Progress, ShouldStop
from robustness.prediction import noise
from robustness.prediction.catalog import Catalog
from robustness.prediction.query import Query
from robustness.stats import intervals
from robustness.stats.intervals import BoolArray
from robustness.types import EvalRecord, Example, Measurement

_SEED = 0


def labelled(task: Task | None, limit: int | None = None) -> tuple[Example, ...]:
    """The labelled inputs on which a task is measured.

    Raises:
        InputError: There are none.
    """
    if task is None:
        raise InputError("an accuracy needs a task with labelled inputs; give a task")
    examples = task.labelled[:limit]
    if not examples:
        raise InputError(f"the task {task.id} has no labelled inputs to measure on")
    return examples


def measured_inputs(catalog: Catalog, task: Task, model: str | None = None) -> int | None:
    """Number of test inputs on which the observed instructions were measured; None: unknown.

    Raises:
        MismatchError, CorruptFileError: See `Catalog.index`.
    """
    part = catalog.part(task, model)
    return len(part.example_ids) if part is not None and part.own else None


def records(
    query: Query,
    catalog: Catalog,
    *,
    model: str | None = None,
    limit: int | None = None,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[EvalRecord]:
    """Records of the answers to a task's labelled test inputs, in their order.

    Raises:
        InputError: The text does not fit the inputs, or the task has no labelled inputs.
        NotFoundError, EngineError, CancelledError: See `evaluator.read_cells`.
    """
    return evaluator.evaluate(
        catalog.engine, model or catalog.original, [query.instruction],
        labelled(query.task, limit), on_progress=on_progress, should_stop=should_stop,
    )


def measure(
    query: Query,
    catalog: Catalog,
    *,
    model: str | None = None,
    limit: int | None = None,
    coverage: float = 0.95,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Measurement:
    """Measures an instruction's accuracy and its degradation, in points with intervals.

    Args:
        query: An instruction for a task with labelled inputs.
        catalog: The tasks and indexes.
        model: A served model id; by default the original.
        limit: Most labelled inputs; by default those on which the observed instructions were
            measured, so that there is a baseline.
        coverage: Nominal coverage of both intervals.
        on_progress: Called with (done, total) inputs.
        should_stop: Called between chunks; True cancels.

    Raises:
        As `records`; MismatchError, CorruptFileError: See `Catalog.index`.
    """
    model = model or catalog.original
    if limit is None and query.task is not None:
        limit = measured_inputs(catalog, query.task, model)
    done = records(
        query, catalog, model=model, limit=limit, on_progress=on_progress, should_stop=should_stop
    )
    correct = evaluator.correctness(done)
    own = intervals.wilson(int(correct.sum()), len(correct), coverage=coverage)
    observed = _observed_cells(query, catalog, model, done)
    loss = None
    if observed is not None:
        loss = intervals.paired_bootstrap(
            observed, correct[None, :], rng=np.random.default_rng(_SEED), coverage=coverage
        )
    return Measurement(
        instruction_id=done[0].instruction_id, task=done[0].task, model=model, n=len(correct),
        accuracy=own.value * 100, accuracy_low=own.low * 100, accuracy_high=own.high * 100,
        observed_accuracy=None if observed is None else float(observed.mean()) * 100,
        degradation=None if loss is None else loss.value * 100,
        low=None if loss is None else loss.low * 100,
        high=None if loss is None else loss.high * 100,
        **_floors(query, catalog, model, observed),
    )


def _floors(
    query: Query, catalog: Catalog, model: str, observed: BoolArray | None
) -> dict[str, float | None]:
    """The noise floors of a measurement on all inputs of the index; none on other inputs."""
    part = None if query.task is None else catalog.part(query.task, model)
    if part is None or observed is None or observed.shape != part.correct.shape:
        return {}
    base = None if query.task is None else catalog.part(query.task, catalog.original)
    compared = None if base is None or model == catalog.original else base
    return {
        "noise_floor": noise.of_degradation(part),
        "difference_noise_floor": None if compared is None else noise.of_difference(
            compared, part
        ),
    }


def _observed_cells(
    query: Query, catalog: Catalog, model: str, done: Sequence[EvalRecord]
) -> BoolArray | None:
    """(I, N) bool: whether observed instructions' stored answers to the inputs are correct."""
    part = None if query.task is None else catalog.part(query.task, model)
    if part is None or not part.own:
        return None
    column = {e: n for n, e in enumerate(part.example_ids)}
    if any(r.example_id not in column for r in done):
        return None
    return part.correct[:, [column[r.example_id] for r in done]]
