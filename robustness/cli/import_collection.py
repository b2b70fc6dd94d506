"""The command import."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json
from robustness.data.defaults import IMPORT_FORMATS


def import_collection(
    source: Annotated[str, typer.Argument(help=f"The format: {', '.join(IMPORT_FORMATS)}.")],
    path: Annotated[Path, typer.Argument(help="A file of the format, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Collection file to write, JSON lines.")],
    task_type: Annotated[
        str | None, typer.Option(help="qa, mc or bc for all entries; by default inferred.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Id of the task that all entries are for; by default the source's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Imports instructions from a public collection; lists what is left out, with the reason."""
    made = library.sources.take(source, path, out, task_type, task=task)
    output.emit(made, as_json, library.render_imports.imported(made))
