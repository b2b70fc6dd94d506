"""The command backbone difference apply."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json


def apply(
    folder: Annotated[Path, typer.Argument(help="Folder of the difference.")],
    base: Annotated[
        Path | None,
        typer.Option(help="Folder of the pretrained model; by default that of `backbone fetch`."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the result; by default in your cache folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Puts a difference onto the pretrained model, once; --model takes its folder as well."""
    with output.progress("step") as report:
        made = library.difference.applied(folder, base, out, report=report)
    output.emit({"model": made.name, "folder": made}, as_json, str(made))
