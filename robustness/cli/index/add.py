"""The command index add."""

from pathlib import Path
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
def add(
    collection: Annotated[Path, typer.Argument(help="Collection file of observed instructions.")],
    task_sources: TaskSources = None,
    field: BigBenchField = defaults.BIG_BENCH_FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Adds observed instructions to a saved index; only they are read and measured."""
    engine = library.open.engine_of(model, prefix, prompt_format, loading)
    new = library.instructions.read_collection(collection)
    with output.progress("task") as report:
        chosen = library.sets.labelled_tasks(task_sources, field)
        cards = library.index_service.add(engine, indexes, new, chosen, report=report)
    typer.echo(library.render_index.RECALIBRATE, err=True)
    output.emit(cards, as_json, library.render_index.cards(cards))
