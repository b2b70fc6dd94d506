"""Solved examples before a prompt, under the same instruction (section 4.6 of [S1]).

Refuses to show a test input its own answer. Examples come from train and dev where they are
labelled, otherwise from the other test inputs.
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
    """The solved examples of each test input: the same ones for all, itself excepted.

    Args:
        task: Whose examples they are.
        examples: N test inputs.
        shots: How many solved examples.
        draw: Each has examples and an order of its own.
        seed: Of all draws.

    Returns:
        N tuples of `shots` examples, in the order that they are shown.

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
    """The prompt with its solved examples in front, an empty line between them.

    Args:
        instruction: The phrasing of all of them.
        example: What is asked.
        shown: Solved examples, in order.
        words: What is scored after the prompt.

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
