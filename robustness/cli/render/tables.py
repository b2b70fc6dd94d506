"""Renders the summary of a scored table as text."""

from robustness.scoring.batch import Summary


def summary(made: Summary) -> str:
    """The numbers of scored rows and errors, and the output file."""
    lines = [f"{made.out}: {made.rows} rows, {made.errors} of them with an error"]
    lines += [f"your column {name!r} is kept as {kept!r}" for name, kept in made.renamed.items()]
    return "\n".join(lines)
