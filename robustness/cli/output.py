"""Prints results to standard output, and progress to standard error."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from robustness.cli import library

if TYPE_CHECKING:
    from robustness.prediction.index_service import Report

LINE_SECONDS = 60.0
"""Seconds between two lines of progress where standard error is no terminal."""


def emit(document: object, as_json: bool, shown: str) -> None:
    """Prints a result, as one JSON document or as text."""
    if as_json:
        shown = json.dumps(library.files.plain(document), ensure_ascii=False)
    typer.echo(shown)


@contextmanager
def progress(unit: str) -> Iterator["Report"]:
    """A progress bar on standard error if this is a terminal; else a line a minute, for a log."""
    terminal = sys.stderr.isatty()
    told = time.monotonic()
    with library.tqdm.tqdm(unit=unit, file=sys.stderr, disable=not terminal) as bar:
        def report(what: str, done: int, total: int) -> None:
            nonlocal told
            if terminal:
                bar.set_description(what, refresh=False)
                bar.total = total
                bar.n = done
                bar.refresh()
            elif time.monotonic() - told >= LINE_SECONDS:
                told = time.monotonic()
                print(f"{what}: {unit} {done} of {total}", file=sys.stderr, flush=True)

        yield report


def beside(line: str) -> None:
    """Prints a line on standard error without disturbing the progress bar."""
    library.tqdm.tqdm.write(line, file=sys.stderr)
