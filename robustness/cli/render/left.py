"""What was left out, as text."""

from collections.abc import Sequence

from robustness.cli.render.figures import short
from robustness.evaluation.study import Left


def left_out(rows: Sequence[Left], where: str) -> list[str]:
    """The first few things that were left out."""
    lines = [f"  left out: {row.what} {short(row.name)}: {row.reason}" for row in rows[:10]]
    more = len(rows) - len(lines)
    return [*lines, f"  ... and {more} more, see {where}"] if more > 0 else lines
