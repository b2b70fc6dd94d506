"""Formats a number with its interval for the card and its tables."""

from collections.abc import Mapping
from typing import Any


def interval(found: Mapping[str, Any], *, value: str = "value", sign: bool = False) -> str:
    """A number with its interval as text, to one decimal.

    Args:
        found: A mapping with `low`, `high` and the number.
        value: Key of the number.
        sign: Whether a plus sign is written, as for differences.
    """
    form = "+.1f" if sign else ".1f"
    return f"{found[value]:{form}} [{found['low']:{form}}, {found['high']:{form}}]"
