"""One pool of unobserved instructions -> development and test, split at random by cluster.

Refuses to know models: the split is made before anything is measured, and frozen.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robustness.data.instructions import UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST
from robustness.stats.near_duplicates import NEAR, clusters, jaccard, shingles
from robustness.types import Instruction


def without_near(
    instructions: Sequence[Instruction], others: Sequence[Instruction], limit: float = NEAR
) -> list[Instruction]:
    """Those that are not near-duplicates (character 5-gram Jaccard above `limit`) of `others`."""
    taken = [shingles(other.text) for other in others]
    return [
        i for i in instructions
        if all(jaccard(shingles(i.text), other) <= limit for other in taken)
    ]


def split(
    pool: Sequence[Instruction], seed: int
) -> tuple[list[Instruction], list[Instruction]]:
    """Splits a pool in halves, task by task, whole clusters together.

    Args:
        pool: Unobserved instructions, each with its task.
        seed: Of the order in which clusters are dealt.

    Returns:
        Development and test; a task's cluster goes to the half that is smaller so far.
    """
    rng = np.random.default_rng(seed)
    groups: dict[str | None, list[Instruction]] = defaultdict(list)
    for instruction in pool:
        groups[instruction.task].append(instruction)
    halves: tuple[list[Instruction], list[Instruction]] = ([], [])
    for _, members in sorted(groups.items(), key=lambda item: str(item[0])):
        numbers = clusters([m.text for m in members])
        sizes = [0, 0]
        for number in rng.permutation(sorted(set(numbers))):
            cluster = [m for m, n in zip(members, numbers, strict=True) if n == number]
            side = int(rng.integers(2)) if sizes[0] == sizes[1] else int(np.argmin(sizes))
            sizes[side] += len(cluster)
            name = (UNOBSERVED_DEVELOPMENT, UNOBSERVED_TEST)[side]
            halves[side].extend(replace(m, collection=name) for m in cluster)
    return halves
