"""Reads the servers' settings from the command line and the environment.

`python -m server`, `python app.py`, `steadfast serve` and `steadfast demo` have the same options.
No other module of the server reads the environment.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from robustness import cli, paths
from robustness.cli.options import Indexes, with_loading
from robustness.models.load_options import PLAIN, Loading, PromptFormat
from server.settings import LIMITS, Settings

_MIB = 1024 * 1024


def _seconds(text: str) -> float:
    """A duration from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text} is no time (seconds, above 0)")
    return value


def _port(text: str) -> int:
    """A port from the command line."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65535:
        raise typer.BadParameter(f"{text} is not a port (0 to 65535)")
    return value


def _count(text: str) -> int:
    """A whole number from 1 on from the command line."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise typer.BadParameter(f"{text} is no whole number above 0")
    return value


def _most(name: str, what: str) -> Any:
    """An option that limits what a client may send at once."""
    return typer.Option(
        parser=_count, metavar="<int>", envvar=f"STEADFAST_MAX_{name.upper()}",
        help=f"Most {what}.",
    )


@with_loading
def _settings(
    model: Annotated[
        str, typer.Option(help="Model folder or hub name; by default the embedded backbone.")
    ] = str(paths.BACKBONE),
    prefix: Annotated[
        list[str] | None,
        typer.Option(help="Prefix or LoRA: a shipped name or a PEFT adapter folder; repeatable."),
    ] = None,
    engine: Annotated[
        Literal["auto", "transformers", "vllm"],
        typer.Option(
            help="What runs the model; auto: vllm if it is installed and there is a GPU."
        ),
    ] = "auto",
    vllm_url: Annotated[str | None, typer.Option(help="URL of a running vLLM.")] = None,
    vllm_timeout: Annotated[
        float,
        typer.Option(
            parser=_seconds, metavar="<float>",
            help="Seconds without an answer after which a vLLM that was started here is started "
            "again.",
        ),
    ] = 120.0,
    prompt_format: Annotated[
        PromptFormat,
        typer.Option(
            help="Chat format of prompts; auto: the chat template, or by the model's name."
        ),
    ] = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    backend: Annotated[
        str | None,
        typer.Option(help="URL of another Steadfast server that runs the models."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only for this machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(parser=_port, metavar="<int>", help="Port to listen on.")
    ] = 7860,
    indexes: Indexes = paths.INDEXES,
    paraphraser_url: Annotated[
        str | None,
        typer.Option(
            help="URL (up to /v1) of an OpenAI-compatible API whose model also suggests "
            "rewordings; its key is read from $STEADFAST_PARAPHRASER_KEY."
        ),
    ] = None,
    paraphraser_model: Annotated[str, typer.Option(help="Name of the model in that API.")] = "",
    jobs: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the batch jobs; by default $STEADFAST_JOBS or runs/jobs/PORT."
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            parser=_seconds, metavar="<float>",
            help="Seconds that a job waits for an engine that does not answer before its rows get "
            "the error.",
        ),
    ] = 1800.0,
    max_upload: Annotated[int, _most("upload", "MiB of an uploaded table")] = 64,
    max_body: Annotated[int, _most("body", "MiB of any other request")] = 8,
    max_columns: Annotated[int | None, _most("columns", "columns of a table")] = LIMITS.columns,
    max_rows: Annotated[int | None, _most("rows", "rows of a table")] = LIMITS.rows,
    max_cells: Annotated[int | None, _most("cells", "cells of a table")] = LIMITS.cells,
    max_options: Annotated[
        int | None, _most("options", "answer options of an input in a request")
    ] = LIMITS.options,
    max_prompts: Annotated[
        int | None, _most("prompts", "prompts that the models read for a table")
    ] = LIMITS.prompts,
    max_unpacked: Annotated[
        int, _most("unpacked", "MiB of a Parquet file when it is unpacked")
    ] = 512,
    *,
    environment: Mapping[str, str],
) -> Settings:
    """The settings from the values of the options and the environment."""
    folder = environment.get("STEADFAST_JOBS") or Path("runs/jobs", str(port))
    return Settings(
        model=model, prefixes=tuple(prefix or ()), engine=engine, prompt_format=prompt_format,
        loading=loading, backend=backend, vllm_url=vllm_url, vllm_timeout=vllm_timeout,
        vllm_key=environment.get("VLLM_API_KEY", ""),
        vllm_log=Path("runs/vllm", f"{port}.log"), host=host, port=port, indexes=indexes,
        jobs=jobs or Path(folder), paraphraser_url=paraphraser_url,
        paraphraser_model=paraphraser_model,
        paraphraser_key=environment.get("STEADFAST_PARAPHRASER_KEY", ""), patience=patience,
        largest_upload=max_upload * _MIB, largest_body=max_body * _MIB,
        limits=replace(
            LIMITS, columns=max_columns, rows=max_rows, cells=max_cells, options=max_options,
            prompts=max_prompts, unpacked=max_unpacked * _MIB,
        ),
    )


def with_settings(
    command: Callable[[Settings], None], environment: Mapping[str, str] | None = None
) -> Callable[..., None]:
    """Turns a function of `Settings` into a command with the servers' options.

    Args:
        command: Starts the server; its docstring is the help.
        environment: By default that of the process, read when the command runs.
    """
    whole = inspect.signature(_settings)
    options = [p for p in whole.parameters.values() if p.name != "environment"]

    def asked(**given: Any) -> None:
        read = os.environ if environment is None else environment
        command(_settings(**given, environment=read))

    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    asked.__annotations__ = {p.name: p.annotation for p in options}
    asked.__signature__ = whole.replace(  # type: ignore[attr-defined]
        parameters=options, return_annotation=None
    )
    return asked


def run(
    command: Callable[..., None], arguments: Sequence[str] | None = None, *, prog: str
) -> None:
    """Runs a program with one command; exits with status 2 on a bad argument.

    Args:
        command: A result of `with_settings`.
        arguments: By default those of the process.
        prog: The program's name in help and errors.
    """
    made = typer.Typer(add_completion=False)
    made.command()(command)
    cli.run(typer.main.get_command(made), arguments, prog)


def settings_from(
    arguments: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from a command line; exits with status 2 on a bad argument."""
    found: list[Settings] = []
    try:
        run(with_settings(found.append, environment), arguments, prog="python -m server")
    except SystemExit as ended:
        if ended.code or not found:
            raise
    return found[0]
