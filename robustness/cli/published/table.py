"""The commands that show the published tables."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json
from robustness.evaluation import defaults


def table(
    context: typer.Context,
    results: Annotated[
        Path, typer.Option(help="File of accuracies in the format of the shipped one.")
    ] = defaults.PUBLISHED_ACCURACIES,
    seed: Annotated[int, typer.Option(help="Random seed of the bootstrap.")] = 0,
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = (
        defaults.PUBLISHED_DRAWS
    ),
    as_json: Json = False,
) -> None:
    """A table of the published study."""
    made = library.published.table(
        str(context.info_name), results=results, seed=seed, draws=draws
    )
    output.emit(made, as_json, library.published.as_text(made))
