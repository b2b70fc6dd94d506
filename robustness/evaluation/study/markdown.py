"""Formats the tables of an evaluation as Markdown."""

from robustness.evaluation.study.sheets import Sheet, sheets
from robustness.evaluation.study.values import Study

FOLDER = "tables"


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def text(sheet: Sheet) -> str:
    """One table with its title and note as Markdown."""
    lines = [
        f"# {sheet.title}", "", sheet.note, "",
        "| " + " | ".join(_cell(c) for c in sheet.columns) + " |",
        "|" + " --- |" * len(sheet.columns),
        *("| " + " | ".join(_cell(c) for c in row) + " |" for row in sheet.rows),
    ]
    return "\n".join(lines) + "\n"


def tables(study: Study) -> dict[str, str]:
    """File name, relative to the folder of the results -> Markdown."""
    return {f"{FOLDER}/{sheet.name}.md": text(sheet) for sheet in sheets(study)}
