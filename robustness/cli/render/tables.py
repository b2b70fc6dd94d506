"""What became of a scored table, as text."""

from robustness.scoring.batch import Summary


def summary(made: Summary) -> str:
    """What became of a table."""
    return f"{made.out}: {made.rows} rows, {made.errors} of them with an error"
