"""Commands of the observed index: index build, add, remove and info; calibrate.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths
from robustness.cli import render
from robustness.cli.options import (
    DEFAULT_MODEL,
    BigBenchField,
    Format,
    Indexes,
    Json,
    Model,
    Prefixes,
    TaskSources,
    emit,
    engine_of,
    labelled_tasks,
    progress,
    with_loading,
)
from robustness.data import instructions, test_set_log
from robustness.evaluation import study
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import PLAIN, Loading
from robustness.prediction import index_service

app = typer.Typer()
index_app = typer.Typer(no_args_is_help=True, help="The observed index of a model.")
app.add_typer(index_app, name="index")


@index_app.command("build")
@with_loading
def index_build(
    observed: Annotated[
        Path | None, typer.Option(help="Collection file; by default the shipped observed one.")
    ] = None,
    task_sources: TaskSources = None,
    field: BigBenchField = study.FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Reads the observed instructions and saves the index of the model and of each prefix."""
    known = (
        instructions.read_collection(observed) if observed
        else instructions.builtin(instructions.OBSERVED)
    )
    engine = engine_of(model, prefix, prompt_format, loading)
    with progress("task") as report:
        chosen = labelled_tasks(task_sources, field)
        cards = index_service.build(engine, indexes, known, chosen, report=report)
    emit(cards, as_json, render.cards(cards))


@index_app.command("add")
@with_loading
def index_add(
    collection: Annotated[Path, typer.Argument(help="Collection file of observed instructions.")],
    task_sources: TaskSources = None,
    field: BigBenchField = study.FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Puts observed instructions into a saved index: only they are read and measured."""
    engine = engine_of(model, prefix, prompt_format, loading)
    new = instructions.read_collection(collection)
    with progress("task") as report:
        chosen = labelled_tasks(task_sources, field)
        cards = index_service.add(engine, indexes, new, chosen, report=report)
    typer.echo(render.RECALIBRATE, err=True)
    emit(cards, as_json, render.cards(cards))


@index_app.command("remove")
@with_loading
def index_remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of instructions.")],
    task_sources: TaskSources = None,
    field: BigBenchField = study.FIELD,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Takes observed instructions out of a saved index."""
    engine = engine_of(model, prefix, prompt_format, loading)
    with progress("task") as report:
        chosen = labelled_tasks(task_sources, field)
        cards = index_service.remove(engine, indexes, ids, chosen, report=report)
    typer.echo(render.RECALIBRATE, err=True)
    emit(cards, as_json, render.cards(cards))


@index_app.command("info")
@with_loading
def index_info(
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """What the index of the model and of each prefix holds, and how good its calibration is."""
    cards = index_service.info(engine_of(model, prefix, prompt_format, loading), indexes)
    emit(cards, as_json, render.cards(cards))


@app.command()
@with_loading
def calibrate(
    unobserved: Annotated[
        Path | None,
        typer.Option(help="Collection file; by default the shipped unobserved-development one."),
    ] = None,
    task_sources: TaskSources = None,
    field: BigBenchField = study.FIELD,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99)] = 0.9,
    seed: int = 0,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            help="Fit nothing: compare the calibration with unobserved-test, or the given file.",
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Measures unobserved instructions and fits the predictor of the model and of each prefix."""
    shipped = (
        instructions.UNOBSERVED_TEST if held_out else instructions.UNOBSERVED_DEVELOPMENT
    )
    pool = instructions.read_collection(unobserved) if unobserved else instructions.builtin(shipped)
    engine = engine_of(model, prefix, prompt_format, loading)
    chosen = labelled_tasks(task_sources, field)
    if held_out:
        with progress("instruction") as report:
            made = index_service.held_out(engine, indexes, pool, chosen, report=report)
        if unobserved is None and engine.models()[0].id == paths.BACKBONE_ID:
            for name in made:
                test_set_log.append(
                    paths.BACKBONE, name, "predictions beside measured degradation"
                )
        emit(made, as_json, render.held_out(made))
        return
    with progress("instruction") as report:
        cards = index_service.calibrate(
            engine, indexes, pool, chosen, coverage=coverage, seed=seed, report=report
        )
    emit(cards, as_json, render.cards(cards))
