"""How the card and its tables write a figure with its interval.

Refuses to compute.
"""

from collections.abc import Mapping
from typing import Any


def interval(found: Mapping[str, Any], *, value: str = "value", sign: bool = False) -> str:
    """A figure and its interval, to a tenth of a point.

    Args:
        found: Has `low` and `high`.
        value: The figure's own name in it.
        sign: Whether a plus is written, as for differences.
    """
    form = "+.1f" if sign else ".1f"
    return f"{found[value]:{form}} [{found['low']:{form}}, {found['high']:{form}}]"
