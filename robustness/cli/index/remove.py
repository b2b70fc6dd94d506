"""The command index remove."""

from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    BigBenchField,
    Format,
    Indexes,
    Json,
    Model,
    Prefixes,
    TaskSources,
    with_loading,
)
from robustness.data import defaults
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of instructions.")],
    task_sources: TaskSources = None,
    field: BigBenchField = defaults.BIG_BENCH_FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Removes observed instructions from a saved index."""
    engine = library.open.engine_of(model, prefix, prompt_format, loading)
    with output.progress("task") as report:
        chosen = library.sets.labelled_tasks(task_sources, field)
        cards = library.index_service.remove(engine, indexes, ids, chosen, report=report)
    typer.echo(library.render_index.RECALIBRATE, err=True)
    output.emit(cards, as_json, library.render_index.cards(cards))
