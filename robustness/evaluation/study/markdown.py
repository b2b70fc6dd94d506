"""Formats the tables of an evaluation as Markdown."""

from robustness.evaluation.study.sheets import Sheet, sheets
from robustness.evaluation.study.values import Study
from robustness.markup import in_markdown

FOLDER = "tables"


def text(sheet: Sheet) -> str:
    """One table with its title and note as Markdown."""
    lines = [
        f"# {sheet.title}", "", sheet.note, "",
        "| " + " | ".join(in_markdown(c) for c in sheet.columns) + " |",
        "|" + " --- |" * len(sheet.columns),
        *("| " + " | ".join(in_markdown(c) for c in row) + " |" for row in sheet.rows),
    ]
    return "\n".join(lines) + "\n"


def tables(study: Study) -> dict[str, str]:
    """File name, relative to the folder of the results -> Markdown."""
    return {f"{FOLDER}/{sheet.name}.md": text(sheet) for sheet in sheets(study)}
