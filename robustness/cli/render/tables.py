"""Renders the summary of a scored table as text."""

from robustness.scoring.batch import Summary


def summary(made: Summary) -> str:
    """The numbers of scored rows and errors, and the output file."""
    return f"{made.out}: {made.rows} rows, {made.errors} of them with an error"
