"""The command alterations TEXT."""

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
    Prefixes,
    Text,
    with_loading,
)
from robustness.evaluation.defaults import INPUTS
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def probe(
    text: Text,
    task: Annotated[str, typer.Option(help=TASK_HELP)],
    limit: Annotated[
        int, typer.Option(min=1, help="Labelled inputs to read for each perturbation.")
    ] = INPUTS,
    seed: Annotated[int, typer.Option(help="Seed of the perturbations and the intervals.")] = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Measures a model's accuracy under perturbations of one instruction; the default command."""
    workbench, chosen = library.open.one_model(model, prefix, indexes, prompt_format, loading)
    with output.progress("prompt") as report:
        made = library.perturbations.probe(
            workbench, text, task=task, model=chosen, limit=limit, seed=seed,
            on_progress=lambda done, total: report("reading", done, total),
        )
    output.emit(made, as_json, library.render_alterations.probes(made))
