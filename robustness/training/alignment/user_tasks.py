"""Gathers the data of an alignment on tasks that the user brings.

Test inputs are never used, so that the aligned model can be evaluated on them.
"""

from collections.abc import Sequence
from dataclasses import replace

from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.index import representations
from robustness.paraphrasing.rule_based import paraphrase
from robustness.training.alignment.data import Collections
from robustness.types import Example, Instruction

_EVALUATED = 4
"""One in so many dev inputs is kept for evaluation, where the task has no train inputs."""


def inputs(task: Task) -> list[Example]:
    """The labelled inputs of a task for training and development.

    Without inputs of split train, three quarters of the dev inputs are trained on.

    Raises:
        InputError: There are no inputs to train on.
    """
    labelled = [e for e in task.examples if e.answer is not None]
    training = [e for e in labelled if e.split == "train"]
    development = [e for e in labelled if e.split == "dev"]
    if not training:
        training = [
            replace(e, split="train") for n, e in enumerate(development) if n % _EVALUATED
        ]
        development = development[::_EVALUATED]
    if not training:
        raise InputError(
            f"the task {task.id} has no labelled inputs to train on; give it some with the split "
            "train or dev (those of the split test are what it is measured on)"
        )
    return [*training, *development]


def _phrasings(task: Task, known: Sequence[Instruction]) -> list[Instruction]:
    """The instructions for a task, with its id filled in."""
    return [
        i if i.task else replace(i, task=task.id, id="")
        for i in instructions.for_task(known, task.id, task.task_type)
        if representations.fits(i, task.fields)
    ]


def gather(
    tasks: Sequence[Task],
    *,
    observed: Sequence[Instruction] | None,
    paraphrases: Sequence[Instruction] | None,
    seed: int,
) -> tuple[list[Example], Collections]:
    """Gathers inputs, reference instructions and paraphrases of some tasks.

    Args:
        tasks: Tasks with labelled inputs.
        observed: Reference instructions; those without a task are for every task of their type.
            None: the shipped ones.
        paraphrases: Paraphrases of the reference instructions; None: made by rules.
        seed: Seed of the rule-based paraphrases.

    Returns:
        The inputs, and the collections to train on.

    Raises:
        InputError: A task has too few inputs, or no observed instruction.
    """
    if observed is None:
        observed = instructions.builtin(instructions.OBSERVED)
    chosen = {task.id: _phrasings(task, observed) for task in tasks}
    if without := [name for name, found in chosen.items() if not found]:
        raise InputError(
            f"no observed instruction is for {', '.join(without)}; give a collection file that "
            "has some, with the task's name or its type alone, with --observed"
        )
    references = [i for found in chosen.values() for i in found]
    if paraphrases is None:
        spaces = {task.id: task.options for task in tasks if task.options}
        made = paraphrase(references, seed, answer_spaces=spaces)
    else:
        made = [i for task in tasks for i in _phrasings(task, paraphrases)]
    examples = [e for task in tasks for e in inputs(task)]
    return examples, Collections(observed=references, paraphrases=made)
