"""Benchmarks with one split only -> development and test halves.

Refuses to draw at random: the halves depend on the inputs alone, so that a rerun has the same.
"""

from collections.abc import Sequence
from dataclasses import replace

from robustness.types import Example


def halved(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Deals examples to `dev` and `test` in turn, in the order of their content hashes.

    Returns:
        The examples in the order that they came in, each with its split.
    """
    order = sorted(range(len(examples)), key=lambda i: (examples[i].id, i))
    splits = {place: ("dev", "test")[turn % 2] for turn, place in enumerate(order)}
    return tuple(replace(e, split=splits[i]) for i, e in enumerate(examples))
