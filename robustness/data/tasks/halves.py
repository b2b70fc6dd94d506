"""Divides the inputs of a benchmark that has a single split into dev and test halves.

The halves depend only on the inputs, not on a random draw, so that every run has the same ones.
"""

from collections.abc import Sequence
from dataclasses import replace

from robustness.types import Example


def halved(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Assigns examples alternately to `dev` and `test`, in the order of their content hashes.

    Returns:
        The examples in their original order, each with its new split.
    """
    order = sorted(range(len(examples)), key=lambda i: (examples[i].id, i))
    splits = {place: ("dev", "test")[turn % 2] for turn, place in enumerate(order)}
    return tuple(replace(e, split=splits[i]) for i, e in enumerate(examples))
