"""Makes altered instructions for the tasks of an evaluation, as compared in Fig. 3 of [S1].

Does not measure accuracy; see `study`.
"""

from collections.abc import Sequence
from dataclasses import replace

from robustness.data import instructions as collections
from robustness.data.instructions import for_task
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.perturbations.kinds import Kind, Material, make
from robustness.types import Instruction

COUNT = 3
"""Number of observed instructions of each task that are altered."""
KINDS = (
    Kind.INCORRECT, Kind.NEGATED, Kind.DESIGNER, Kind.NONSENSICAL, Kind.SIMPLIFIED, Kind.EMPTY,
)
"""Kinds that are made; `closest` and `newly collected` are unaltered instructions."""


def of_tasks(
    tasks: Sequence[Task], instructions: Sequence[Instruction], *, seed: int, count: int = COUNT
) -> list[Instruction]:
    """Alters some observed instructions of each task.

    Args:
        tasks: Tasks with labelled inputs.
        instructions: The instructions of all tasks.
        seed: Seed of all random choices.
        count: Largest number of observed instructions per task, evenly spaced.

    Returns:
        The altered instructions without repetitions; each has its task, and its kind as its
        collection.
    """
    observed = [i for i in instructions if i.observed]
    # Instructions of other tasks and random words also come from the shipped collection, since
    # the plan may have a single task.
    others = {i.id: i for i in (*observed, *collections.builtin(collections.OBSERVED))}
    found: dict[str, Instruction] = {}
    for task in tasks:
        own = for_task(observed, task.id, task.task_type)
        material = Material(
            task=task, observed=list(others.values()), collected=(), closest=None
        )
        for given in own[:: max(1, len(own) // count)][:count]:
            try:
                suite = make(given, material, seed=seed)
            except InputError:
                continue  # It does not fit the task's inputs; `plan` reports that.
            for one in suite.alterations:
                if one.kind in KINDS:
                    altered = replace(
                        one.instruction, task=task.id, task_type=task.task_type,
                        collection=str(one.kind), observed=False, id="",
                    )
                    found.setdefault(altered.id, altered)
    return list(found.values())
