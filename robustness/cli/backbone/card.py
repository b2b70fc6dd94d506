"""The command backbone card."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    Data,
    Format,
    Json,
    Model,
    corpora_of,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def card(
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Measure nothing; only add other seeds, the ablation and the log."
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone with and without alignment by set of instructions; writes its card."""
    if refresh:
        refreshed = library.quality.refresh(Path(model))
        output.emit(refreshed, as_json, f"written: {Path(model) / 'CARD.md'}")
        return
    with output.progress("task") as report:
        card = library.quality.describe(
            library.open.engine_of(model, None, prompt_format, loading), Path(model),
            corpora_of(data), report=report,
        )
    output.emit(card, as_json, f"written: {Path(model) / 'CARD.md'}")
