"""Formats a recomputed table as plain text for a terminal.

Numbers are rounded to the paper's number of decimals.
"""

from robustness.evaluation.published.values import Figure, PublishedTable, TableRow


def _rounded(value: float, decimals: int) -> str:
    # Adding zero turns -0.0 into 0.0.
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _figure(figure: Figure | None, decimals: int) -> str:
    if figure is None:
        return ""
    made = _rounded(figure.value, decimals)
    if figure.low is not None and figure.high is not None:
        made += f" [{_rounded(figure.low, decimals)}, {_rounded(figure.high, decimals)}]"
    if not figure.recomputed:
        made += " (printed)"
    elif figure.printed is not None:
        places = len(str(figure.printed).partition(".")[2])
        if _rounded(figure.value, places) != _rounded(figure.printed, places):
            made += f" (printed {figure.printed})"
    return made


def cells(row: TableRow, made: PublishedTable) -> list[str]:
    """One row as texts: name with footnote marks, group, and every column."""
    marks = "".join(f"[{number}]" for number in row.notes)
    name = f"{row.name} {marks}".strip()
    return [name, row.group, *(_figure(row.figures.get(c), made.decimals) for c in made.columns)]


def table(made: PublishedTable) -> str:
    """The table as text, with intervals and footnotes."""
    head = ["", "", *(c.replace("_", " ") for c in made.columns)]
    lines = [head, *(cells(row, made) for row in made.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = [f"{made.source}. {made.title}, in {made.unit}."]
    shown += [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if made.draws:
        shown.append(
            f"{made.coverage * 100:.0f}% intervals: {made.interval} ({made.draws} draws, seed "
            f"{made.seed})."
        )
    shown += [f"[{number}] {note}" for number, note in enumerate(made.footnotes, start=1)]
    return "\n".join(shown)
