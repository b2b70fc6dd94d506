"""The command calibrate."""

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
def calibrate(
    unobserved: Annotated[
        Path | None,
        typer.Option(
            help="Collection file; by default the shipped unobserved-calibration and "
            "unobserved-development."
        ),
    ] = None,
    task_sources: TaskSources = None,
    field: BigBenchField = defaults.BIG_BENCH_FIELD,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99)] = 0.9,
    seed: int = 0,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            help="Fit nothing; check the predictions on unobserved-test, or on the given file.",
        ),
    ] = False,
    why: Annotated[
        str,
        typer.Option(
            help="With --held-out: why unobserved-test is looked at; kept in the backbone's log."
        ),
    ] = "",
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Sentence encoder that tells instructions from other texts too, where it is "
            "installed: a folder, a name on the hub, or SmolLM2-135M-Instruct (backbone fetch)."
        ),
    ] = None,
    encoder_layers: Annotated[
        int | None,
        typer.Option(min=1, help="With --encoder: number of its first layers to use; else all."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    adapters_only: AdaptersOnly = False,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Measures unobserved instructions and fits the predictor of the model and of each adapter."""
    shipped = (defaults.UNOBSERVED_TEST,) if held_out else defaults.TO_CALIBRATE
    pool = (
        library.instructions.read_collection(unobserved) if unobserved
        else [i for name in shipped for i in library.instructions.builtin(name)]
    )
    engine = library.open.engine_of(model, prefix, prompt_format, loading)
    chosen = library.sets.labelled_tasks(task_sources, field)
    if held_out:
        with output.progress("instruction") as report:
            made = library.index_service.held_out(engine, indexes, pool, chosen, report=report)
        if unobserved is None:
            what = "predictions beside measured degradation"
            library.looks.note(model, made, f"{what}; {why}" if why else what)
        output.emit(made, as_json, library.render_index.held_out(made))
        return
    embed = (
        library.sentence_encoder.Encoder(encoder, layers=encoder_layers) if encoder else None
    )
    with output.progress("instruction") as report:
        cards = library.index_service.calibrate(
            engine, indexes, pool, chosen, coverage=coverage, seed=seed, encoder=embed,
            adapters_only=adapters_only, report=report,
        )
    output.emit(cards, as_json, library.render_index.cards(cards))
