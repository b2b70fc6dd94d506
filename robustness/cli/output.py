"""Prints results to standard output, and progress to standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from robustness.cli import library

if TYPE_CHECKING:
    from robustness.prediction.index_service import Report


def emit(document: object, as_json: bool, shown: str) -> None:
    """Prints a result, as one JSON document or as text."""
    if as_json:
        shown = json.dumps(library.files.plain(document), ensure_ascii=False)
    typer.echo(shown)


@contextmanager
def progress(unit: str) -> Iterator["Report"]:
    """A progress bar on standard error, if this is a terminal."""
    with library.tqdm.tqdm(unit=unit, file=sys.stderr, disable=None) as bar:
        def report(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.n = done
            bar.refresh()

        yield report


def beside(line: str) -> None:
    """Prints a line on standard error without disturbing the progress bar."""
    library.tqdm.tqdm.write(line, file=sys.stderr)
