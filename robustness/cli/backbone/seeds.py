"""The command backbone seeds."""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import Json


def seeds(
    folders: Annotated[
        list[Path], typer.Argument(help="Backbones of one preset with other seeds or settings.")
    ],
    out: Annotated[Path, typer.Option(help="The backbone whose card shows them.")] = paths.BACKBONE,
    as_json: Json = False,
) -> None:
    """Measures several trainings of one recipe; `backbone card` shows them in a table."""
    with output.progress("task") as report:
        made = library.quality.compare_seeds(folders, out, report=report)
    output.emit(made, as_json, f"written: {out / library.quality.SEEDS}")
