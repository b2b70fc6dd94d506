"""Chooses solved examples (shots) and puts them before a prompt (section 4.6 of [S1]).

Examples come from the labelled train and dev inputs, or else from other test inputs; an input is
never shown with its own answer.
"""

import random
from collections.abc import Sequence

from robustness.data import prompts
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.types import Example, Instruction, Prompt


def choose(
    task: Task, examples: Sequence[Example], *, shots: int, draw: int, seed: int
) -> list[tuple[Example, ...]]:
    """Chooses the solved examples for each test input: the same for all, except the input itself.

    Args:
        task: The task of the examples.
        examples: N test inputs.
        shots: Number of solved examples.
        draw: Number of the random choice; each has its own examples and order.
        seed: Seed of all choices.

    Returns:
        N tuples of `shots` examples, in the order in which they are shown.

    Raises:
        InputError: The task has too few labelled examples.
    """
    if not shots:
        return [()] * len(examples)
    labelled = [e for e in task.examples if e.answer is not None]
    pool = [e for e in labelled if e.split != "test"]
    if len(pool) <= shots:
        pool = labelled
    if len(pool) <= shots:
        raise InputError(
            f"{shots} solved examples and an input to ask about need more than {len(pool)} "
            f"labelled examples; give {task.id} more, or ask for fewer"
        )
    rng = random.Random(f"{seed}-{task.id}-{shots}-{draw}")
    rng.shuffle(pool)
    made = []
    for example in examples:
        others = (e for e in pool if e.id != example.id and dict(e.fields) != dict(example.fields))
        chosen = [e for e, _ in zip(others, range(shots), strict=False)]
        if len(chosen) < shots:
            raise InputError(f"{task.id} has fewer than {shots} examples other than its test input")
        made.append(tuple(chosen))
    return made


def prompt(
    instruction: Instruction, example: Example, shown: Sequence[Example], words: Sequence[str]
) -> Prompt:
    """The prompt of one input after its solved examples, separated by empty lines.

    Args:
        instruction: The instruction, used for the examples as well.
        example: The input.
        shown: The solved examples, in order.
        words: The label words that are scored after the prompt.

    Raises:
        InputError: See `prompts.fill`.
    """
    blocks = []
    for one in shown:
        filled = prompts.fill(instruction, one)
        blocks.append(f"{filled.text} {filled.options[one.options.index(str(one.answer))]}")
    own = prompts.fill(instruction, example)
    return Prompt(
        instruction_id=instruction.id, example_id=example.id,
        text="\n\n".join([*blocks, own.text]), options=tuple(words),
    )
