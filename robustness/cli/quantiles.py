"""The command quantiles."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    TASK_HELP,
    Format,
    Json,
    Model,
    Prefixes,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def quantiles(
    task: Annotated[str, typer.Option(help=TASK_HELP)],
    instruction_table: Annotated[
        Path | None,
        typer.Option(
            "--instructions",
            help="Table with `instruction`, or a collection file; by default the shipped observed "
            "and unobserved-development instructions of the task.",
        ),
    ] = None,
    paraphrases: Annotated[
        int, typer.Option(min=0, help="Automatic paraphrases to add for each instruction.")
    ] = 0,
    share: Annotated[
        float, typer.Option("--budget", help="Share of all prompts that may be read.")
    ] = 0.1,
    width: Annotated[
        float | None, typer.Option(help="Stop when no interval is wider than this, in points.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="File that stores answers, so that no prompt is read twice.")
    ] = None,
    seed: int = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    as_json: Json = False,
) -> None:
    """Estimates quantiles of accuracy over instructions from some of the prompts (PromptEval)."""
    chosen = library.tasks.find(task)
    pool, left = library.runner.pool(chosen, instruction_table, paraphrases=paraphrases, seed=seed)
    for text, reason in left.items():
        typer.echo(f"left out {text!r}: {reason}", err=True)
    engine = library.open.engine_of(model, prefix or [], prompt_format, loading)
    with output.progress("cell") as report:
        made = library.runner.measure(
            engine, engine.models()[-1 if prefix else 0].id, pool, chosen, share=share,
            width=width, journal=journal, seed=seed,
            on_round=lambda q: report(f"widest {q.width:.1f}", q.asked, q.cells),
        )
    output.emit(made, as_json, library.render_quantiles.budget(made))
