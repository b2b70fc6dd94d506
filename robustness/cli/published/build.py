"""The command published build."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json
from robustness.evaluation import defaults


def build(
    folder: Annotated[Path, typer.Argument(help="InstructionEval's folder with result_csv.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = defaults.PUBLISHED_ACCURACIES,
    as_json: Json = False,
) -> None:
    """Makes the shipped file of accuracies again from the released folder."""
    written = library.published.build(folder, out)
    output.emit({"accuracy": written}, as_json, f"written: {written}")
