"""Renders lists of entries that were left out."""

from collections.abc import Sequence

from robustness.cli.render.figures import short
from robustness.evaluation.study import Left


def left_out(rows: Sequence[Left], where: str) -> list[str]:
    """The first few entries that were left out, with the reasons."""
    lines = [f"  left out: {row.what} {short(row.name)}: {row.reason}" for row in rows[:10]]
    more = len(rows) - len(lines)
    return [*lines, f"  ... and {more} more, see {where}"] if more > 0 else lines
