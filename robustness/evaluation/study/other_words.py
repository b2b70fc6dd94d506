"""Finds where a model answers in words of its own, so that option scores say little.

A chat model that replies 'This sentence expresses an opinion.' gives 'opinion' and 'fact' next to
no probability; which of two tiny numbers is larger is then close to a guess.
"""

from collections.abc import Sequence

from robustness.data.defaults import LEAST_MASS
from robustness.evaluation.study.values import ALL, SetRow


def found(rows: Sequence[SetRow]) -> list[SetRow]:
    """The rows over all instructions with an accuracy that may be chance, and a small mass."""
    return [
        r for r in rows if r.set == ALL and r.mass < LEAST_MASS and r.accuracy.low <= r.chance
    ]


def sentence(row: SetRow) -> str:
    """What was found on one task, with the other measures beside it."""
    beside = [f"per byte {row.acc_norm:.1f}"]
    if row.free is not None:
        beside.append(f"generated {row.free:.1f}, {row.unparsed} of {row.generated} unparsed")
    return (
        f"{row.model}, {row.task}, {row.condition}: {row.accuracy.value:.1f} by options may be a "
        f"guess ({row.chance:.1f}); the options have {row.mass:.1f}% of the probability, since the "
        f"model answers in other words ({'; '.join(beside)})"
    )
