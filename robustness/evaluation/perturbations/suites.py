"""Altered instructions for the tasks of an evaluation, as [S1] compares them in its Fig. 3.

Refuses to measure: `study` reads them beside the instructions that they were made from.
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
"""Observed instructions of each task that are altered."""
KINDS = (
    Kind.INCORRECT, Kind.NEGATED, Kind.DESIGNER, Kind.NONSENSICAL, Kind.SIMPLIFIED, Kind.EMPTY,
)
"""`closest` and `newly collected` are observed and unobserved instructions themselves."""


def of_tasks(
    tasks: Sequence[Task], instructions: Sequence[Instruction], *, seed: int, count: int = COUNT
) -> list[Instruction]:
    """Alterations of some observed instructions of each task.

    Args:
        tasks: With labelled inputs.
        instructions: Of all tasks.
        seed: Of every choice.
        count: Observed instructions of a task at the most, evenly spaced.

    Returns:
        Each names its task, and its kind as its collection; equal ones come once.
    """
    observed = [i for i in instructions if i.observed]
    # Wrong tasks and random words come from the shipped instructions too: a plan may have one task.
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
                continue  # It does not fit the inputs: the plan says so of the instruction itself.
            for one in suite.alterations:
                if one.kind in KINDS:
                    altered = replace(
                        one.instruction, task=task.id, task_type=task.task_type,
                        collection=str(one.kind), observed=False, id="",
                    )
                    found.setdefault(altered.id, altered)
    return list(found.values())
