"""Formats a number with its interval for the card and its tables."""

from collections.abc import Mapping
from typing import Any

from robustness.stats.interval_text import CHANGE, POINTS, with_bounds


def interval(found: Mapping[str, Any], *, value: str = "value", sign: bool = False) -> str:
    """A number with its interval as text, to one decimal.

    Args:
        found: A mapping with `low`, `high` and the number.
        value: Key of the number.
        sign: Whether a plus sign is written, as for differences.
    """
    form = CHANGE if sign else POINTS
    return with_bounds(found[value], found["low"], found["high"], form)
