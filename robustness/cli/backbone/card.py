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
from robustness.errors import InputError
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def card(
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Measure nothing; only add other seeds, the ablation and the log."
        ),
    ] = False,
    inputs: Annotated[
        int | None,
        typer.Option(min=1, help="Of a tuned model: inputs a task; by default 32."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone with and without alignment by set of instructions; writes its card."""
    folder = Path(model)
    tuned = library.tuning_card.is_tuned(folder)
    if inputs is not None and not tuned:
        raise InputError("--inputs is for the card of a tuned model (backbone tune)")
    written = f"written: {library.papers.folder_of(folder) / 'CARD.md'}"
    if refresh:
        refreshed = library.quality.refresh(
            folder, *([library.tuning_card.markdown] if tuned else [])
        )
        output.emit(refreshed, as_json, written)
        return
    with output.progress("task") as report:
        engine = library.open.engine_of(model, None, prompt_format, loading)
        if tuned:
            card = library.tuning_card.describe(
                engine, folder, corpora_of(data), inputs=inputs, report=report
            )
        else:
            card = library.quality.describe(engine, folder, corpora_of(data), report=report)
    output.emit(card, as_json, written)
