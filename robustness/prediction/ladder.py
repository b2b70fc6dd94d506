"""Predicts one instruction from each tier of evidence in turn, and counts the prompts of each.

The tiers go from the distance alone to the measured accuracy. For the predictions and the
measurement see `predictor.py` and `measurement.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.index.observed_index import ObservedIndex, inputs_of, known_probes
from robustness.models.evaluator import Progress, ShouldStop
from robustness.prediction import measurement
from robustness.prediction.catalog import Catalog
from robustness.prediction.degradation import user_inputs
from robustness.prediction.degradation.probes import STEPS, right_options
from robustness.prediction.predictor import Predictor, predict
from robustness.prediction.query import Probing, Query, check_probing
from robustness.types import Prediction, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A prediction from one tier of evidence, with the number of prompts."""

    prediction: Prediction
    calls: int
    """Number of prompts read so far."""
    next_calls: int
    """Number of further prompts for the next tier."""


def ladder(
    query: Query,
    catalog: Catalog,
    *,
    model: str | None = None,
    k: int = 5,
    on_progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Iterator[Rung]:
    """Yields the prediction by distance, unlabelled inputs, labelled inputs and measurement.

    The last one is measured on all labelled test inputs, if the task has a baseline.

    Raises:
        InputError: There is no task.
        RobustnessError: As `predictor.predict` and `measurement.measure`.
    """
    task = query.task
    if task is None:
        raise InputError("more evidence needs a task with labelled inputs; give a task")
    index = catalog.index(model)
    if task.id not in index.tasks:
        made = predict(query, catalog, model=model, k=k)
        yield Rung(prediction=made, calls=planned(catalog, task, model=model), next_calls=0)
        return
    everything = measurement.measured_inputs(catalog, task, model) or 0
    last = None
    for last in predicted(Predictor(catalog, model, k), index, query, task):
        more = last.next_calls or (0 if last.prediction.tier is Tier.MEASURED else everything)
        yield replace(last, next_calls=more)
    if last is None or last.prediction.tier is Tier.MEASURED or not everything:
        return
    measured = measurement.measure(
        query, catalog, model=model, coverage=last.prediction.coverage, on_progress=on_progress,
        should_stop=should_stop,
    )
    yield Rung(
        prediction=replace(
            last.prediction, degradation=measured.degradation, low=measured.low,
            high=measured.high, tier=Tier.MEASURED, in_support=True,
            basis=f"Measured on all {measured.n} labelled inputs: accuracy "
            f"{measured.accuracy:.1f} [{measured.accuracy_low:.1f}, "
            f"{measured.accuracy_high:.1f}] against {measured.observed_accuracy:.1f} under "
            "the observed instructions.",
        ),
        calls=last.calls + measured.n, next_calls=0,
    )


def predicted(
    predictor: Predictor, index: ObservedIndex, query: Query, task: Task
) -> Iterator[Rung]:
    """Yields the prediction by distance, by unlabelled inputs and by labelled inputs.

    There is only one for an observed instruction, and where no degradation can be predicted.

    Args:
        predictor: Reads the instruction.
        index: The predictor's index.
        query: The instruction with its task and inputs.
        task: The task, one of the index.
    """
    part = index.tasks[task.id]
    inputs = inputs_of(task, index.recipe)
    known = known_probes(task, index.recipe, part)
    readings = predictor.read(query, inputs)
    later = known[len(inputs) :]
    first = predictor.on_task(query.instruction, task, readings, 0, probed=False)
    if first.tier is Tier.MEASURED or first.degradation is None or not known:
        yield Rung(prediction=first, calls=len(inputs), next_calls=0)
        return
    yield Rung(prediction=first, calls=len(inputs), next_calls=0)
    probed = predictor.on_task(query.instruction, task, readings, 0)
    if probed.tier is Tier.PROBES:
        yield Rung(prediction=probed, calls=len(inputs), next_calls=len(later))
    if later:
        readings = readings.then(predictor.read(query, later))
        probed = predictor.on_task(query.instruction, task, readings, 0)
        yield Rung(prediction=probed, calls=len(known), next_calls=0)
    if right_options(known):
        yield Rung(
            prediction=predictor.on_task(query.instruction, task, readings, len(known)),
            calls=len(known), next_calls=0,
        )


def planned(
    catalog: Catalog, task: Task | None, *, model: str | None = None, probe: Probing = 0,
    labelled: int = 0,
) -> int:
    """Number of prompts that the model reads for `predictor.predict`, at most.

    Raises:
        InputError: See `query.check_probing`.
        NotFoundError, MismatchError, CorruptFileError: See `Catalog.index`.
    """
    check_probing(probe, labelled)
    index = catalog.index(model)
    if task is None:
        return 1
    part = index.tasks.get(task.id)
    if part is None:
        return max(user_inputs.STEPS)
    inputs = len(inputs_of(task, index.recipe))
    known = len(known_probes(task, index.recipe, part))
    asked = max(STEPS) if isinstance(probe, str) else probe
    return min(known, max(inputs, asked, labelled)) or inputs


def plan(catalog: Catalog, task: Task, *, model: str | None = None) -> dict[Tier, int]:
    """Number of prompts for each tier of evidence on a task, including those of weaker tiers.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: See `Catalog.index`.
    """
    first = planned(catalog, task, model=model)
    if task.id not in catalog.index(model).tasks:
        return {Tier.DISTANCE: first}
    most = planned(catalog, task, model=model, probe=max(STEPS))
    return {
        Tier.DISTANCE: first, Tier.PROBES: most, Tier.LABELLED: most,
        Tier.MEASURED: most + (measurement.measured_inputs(catalog, task, model) or 0),
    }
