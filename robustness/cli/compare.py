"""The command compare."""

from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    Format,
    Indexes,
    Json,
    Model,
    Prefixes,
    TaskName,
    Text,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def compare(
    text: Text,
    task: TaskName = None,
    input_text: Annotated[
        str, typer.Option("--input", help="The input; by default the task's first test input.")
    ] = "",
    options: Annotated[str, typer.Option(help="Options of your input, separated by |.")] = "",
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Compares the answers of the original and the aligned model to the same prompt."""
    workbench = library.open.workbench_of(model, prefix, indexes, prompt_format, loading)
    example = None
    if input_text:
        example = library.batch.example_of(workbench, task, input_text, options, "")
    made = workbench.compare(
        text, task=task, example=example, models=(workbench.original, *workbench.aligned)
    )
    output.emit(made, as_json, library.render_predictions.comparison(made))
