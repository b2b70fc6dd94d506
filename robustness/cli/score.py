"""The command score."""

from pathlib import Path
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
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def score(
    table: Annotated[Path, typer.Argument(help=".csv, .tsv, .json, .jsonl or .parquet.")],
    out: Annotated[Path, typer.Option(help="File to write; the ending gives the format.")],
    resume: Annotated[bool, typer.Option(help="Resume an interrupted run.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Score on a Ray cluster: HOST:PORT or auto; without an address, on this machine.",
        ),
    ] = None,
    ray_workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --ray: workers; by default one per server, else per GPU, else per core.",
        ),
    ] = None,
    engine_url: Annotated[
        list[str] | None,
        typer.Option(
            help="URL of a Steadfast server that runs the model instead (also in vLLM); with --ray "
            "repeatable, assigned to the workers in turn."
        ),
    ] = None,
    engine_key: Annotated[
        str, typer.Option(envvar="STEADFAST_ENGINE_KEY", help="Key of that server.")
    ] = "",
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Scores a table of instructions; an error in a row does not affect the others."""
    # Before a table of any size is read, in case Ray is not installed.
    cluster = library.ray_setup.ray_cluster() if ray is not None else None
    read = library.batch.read_table(table)
    with output.progress("row") as report:
        def on_progress(done: int, total: int) -> None:
            report("scoring", done, total)

        if cluster is not None:
            scored = cluster.score_file(
                table, out,
                library.ray_setup.Setup(
                    model=model, prefixes=library.open.folders_of(prefix, model), indexes=indexes,
                    prompt_format=prompt_format, loading=loading,
                    engine_urls=tuple(engine_url or ()), engine_key=engine_key,
                ),
                table=read, address=ray, workers=ray_workers, resume=resume,
                on_progress=on_progress,
            )
        else:
            workbench = (
                library.remote.served_at(engine_url, indexes, engine_key) if engine_url
                else library.open.workbench_of(model, prefix, indexes, prompt_format, loading)
            )
            scored = library.batch.score_file(
                table, out, workbench, table=read, resume=resume, on_progress=on_progress
            )
    summary = library.batch.summary(scored, out, read)
    output.emit(summary, as_json, library.render_tables.summary(summary))
