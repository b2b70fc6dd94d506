"""Commands of the published study: one a table, and build.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli.options import Json, emit
from robustness.evaluation import published

app = typer.Typer(no_args_is_help=True, help="The published results, recomputed.")


def _published(name: str) -> None:
    """Adds the command of one published table."""

    @app.command(name, help=f"{name} of the published study.")
    def show_table(
        results: Annotated[
            Path, typer.Option(help="Accuracies in the shipped layout.")
        ] = published.SHIPPED,
        seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
        draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = published.DRAWS,
        as_json: Json = False,
    ) -> None:
        made = published.table(name, results=results, seed=seed, draws=draws)
        emit(made, as_json, published.as_text(made))


for _name in published.NAMES:
    _published(_name)


@app.command("build")
def published_build(
    folder: Annotated[Path, typer.Argument(help="InstructionEval's folder with result_csv.")],
    out: Annotated[Path, typer.Option(help="Where to write.")] = published.SHIPPED,
    as_json: Json = False,
) -> None:
    """Makes the shipped file of accuracies again from the released folder."""
    written = published.build(folder, out)
    emit({"accuracy": written}, as_json, f"written: {written}")
