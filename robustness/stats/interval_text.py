"""Writes a number with its interval, as `12.3 [10.1, 14.5]`, for tables, cards and the page."""

_MINUS = "\N{MINUS SIGN}"
POINTS = ".1f"
CHANGE = "+.1f"
"""Of differences: with the sign."""


def bounds(low: float, high: float, form: str = POINTS) -> str:
    """An interval alone: `[low, high]`.

    Args:
        low: Its lower end.
        high: Its upper end.
        form: Format specification of both.
    """
    return f"[{low:{form}}, {high:{form}}]"


def with_bounds(
    value: float, low: float, high: float, form: str = POINTS, *, ends: str | None = None
) -> str:
    """A value with its interval: `value [low, high]`.

    Args:
        value: The estimate.
        low: Lower end of its interval.
        high: Upper end.
        form: Format specification of the value.
        ends: That of the ends, where it is another.
    """
    return f"{value:{form}} {bounds(low, high, form if ends is None else ends)}"


def typeset(text: str) -> str:
    """Numbers as they are typeset: hyphens become minus signs."""
    return text.replace("-", _MINUS)
