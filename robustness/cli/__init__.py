"""The command line, a module a group of commands.

Refuses to compute. One JSON document on stdout with `--json`; progress and errors on stderr.
"""

import sys
from collections.abc import Sequence

import typer

from robustness.cli import (
    altering,
    asking,
    evaluating,
    indexing,
    paraphrasing,
    publishing,
    training,
)
from robustness.errors import RobustnessError
from robustness.scoring import ray_setup

app = typer.Typer(
    name="robustness", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="How much does a language model depend on the way an instruction is phrased?",
)
for _group in (asking, evaluating, indexing, paraphrasing, training):
    app.add_typer(_group.app)
app.add_typer(altering.app, name="alterations")
app.add_typer(publishing.app, name="published")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; what a user can fix is one line on stderr and exit status 2."""
    try:
        app(args=ray_setup.with_address(sys.argv[1:] if arguments is None else arguments))
    except RobustnessError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
