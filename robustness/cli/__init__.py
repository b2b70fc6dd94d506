"""The command line; each command has a file.

A command parses its options, calls the library and prints the result: with `--json` as one JSON
document on standard output; progress and errors go to standard error. A command's file imports what
its options need; the modules that it calls are imported by `robustness.cli.library` at their use.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from robustness.cli.commands import COMMANDS
from robustness.cli.lazy_group import LazyGroup
from robustness.errors import RobustnessError
from robustness.scoring import ray_setup

_EXTRAS = {"nltk": "train", "rouge_score": "train"}
"""The extra that brings a library which not everybody installs."""

_HELP = "How much does a language model depend on the way an instruction is phrased?"


def group_of(table: Mapping[str, Any], name: str) -> LazyGroup:
    """The group of all commands of a program."""
    return LazyGroup(name=name, table=table, help=_HELP)


app = group_of(COMMANDS, "robustness")


def run(group: Any, arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs a command; an error that a user can fix is one line on stderr and exit status 2."""
    given = ray_setup.with_address(sys.argv[1:] if arguments is None else arguments)
    try:
        group(args=given, prog_name=prog)
    except RobustnessError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        typer.echo(
            f"error: this command needs {library}, which is not installed; install it with: "
            f"pip install 'steadfast-nlp[{_EXTRAS[library]}]'", err=True,
        )
        raise SystemExit(2) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command of `python -m robustness`."""
    run(app, arguments)
