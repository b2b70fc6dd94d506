"""The command of each published table."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import Json
from robustness.evaluation import defaults


def table(
    context: typer.Context,
    results: Annotated[
        Path, typer.Option(help="Accuracies in the shipped layout.")
    ] = defaults.PUBLISHED_ACCURACIES,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = (
        defaults.PUBLISHED_DRAWS
    ),
    as_json: Json = False,
) -> None:
    """The published table that the command is named after."""
    made = library.published.table(
        str(context.info_name), results=results, seed=seed, draws=draws
    )
    output.emit(made, as_json, library.published.as_text(made))
