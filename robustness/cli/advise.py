"""The command advise."""

from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    TASK_HELP,
    Format,
    Indexes,
    Json,
    Model,
    ParaphraserKey,
    ParaphraserModel,
    ParaphraserUrl,
    Prefixes,
    Text,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def advise(
    text: Text,
    task: Annotated[str, typer.Option(help=TASK_HELP)],
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    paraphraser_url: ParaphraserUrl = None,
    paraphraser_model: ParaphraserModel = "",
    paraphraser_key: ParaphraserKey = "",
    as_json: Json = False,
) -> None:
    """Suggests rewordings with their predicted degradation, and shows the risky phrases."""
    workbench, chosen = library.open.one_model(model, prefix, indexes, prompt_format, loading)
    served = None
    if paraphraser_url is not None:
        served = library.llm_paraphraser.LlmParaphraser(
            url=paraphraser_url, model=paraphraser_model, key=paraphraser_key
        )
        typer.echo(f"asking {paraphraser_url} {served.calls} times", err=True)
    rows = library.suggestions.rewordings(
        workbench, text, task=task, model=chosen, paraphraser=served
    )
    phrases = library.suggestions.moved(workbench, text, task=task, model=chosen)
    shown = library.render_suggestions.advised(rows, phrases)
    output.emit({"rewordings": rows, "phrases": phrases}, as_json, shown)
