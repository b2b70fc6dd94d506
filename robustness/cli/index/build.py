"""The command index build."""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths
from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    AdaptersOnly,
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
def build(
    observed: Annotated[
        Path | None, typer.Option(help="Collection file; by default the shipped observed one.")
    ] = None,
    task_sources: TaskSources = None,
    field: BigBenchField = defaults.BIG_BENCH_FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    adapters_only: AdaptersOnly = False,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Builds and saves the index of observed instructions of the model and of each adapter."""
    known = (
        library.instructions.read_collection(observed) if observed
        else library.instructions.builtin(defaults.OBSERVED)
    )
    engine = library.open.engine_of(model, prefix, prompt_format, loading)
    with output.progress("task") as report:
        chosen = library.sets.labelled_tasks(task_sources, field)
        cards = library.index_service.build(
            engine, indexes, known, chosen, adapters_only=adapters_only, report=report
        )
    output.emit(cards, as_json, library.render_index.cards(cards))
