"""Formats numbers and texts within a line."""




def short(text: str, width: int = 72) -> str:
    """One line of a text, cut to a width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def points(value: float | None) -> str:
    """A value with one decimal."""
    return "not measured" if value is None else f"{value:.1f}"
