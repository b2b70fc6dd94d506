"""The command replay."""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import Indexes, Json
from robustness.errors import MismatchError, NotFoundError


def replay(
    file: Annotated[Path, typer.Argument(help="An evidence file, as the page saves it.")],
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Checks an evidence file without a model: computes from its readings what it shows."""
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}; save one with the page's *Evidence*")
    text = file.read_text(encoding="utf-8", errors="replace")
    document, checks = library.evidence.replay(text, indexes=indexes)
    output.emit(
        {"shown": document["shown"], "checks": checks}, as_json,
        library.render_evidence.evidence(document, checks),
    )
    if not all(check.ok for check in checks):
        raise MismatchError(f"{file}: what it shows does not follow from what it records")
