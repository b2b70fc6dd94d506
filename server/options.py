"""Reads the servers' settings from the command line and the environment.

`python -m server`, `python app.py`, `steadfast serve` and `steadfast demo` have the same options.
Each option `--some-name` can be given as the variable `STEADFAST_SOME_NAME` instead. No other
module of the server reads the environment.
"""

import copy
import dataclasses
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from robustness import cli, paths
from robustness.cli.lazy_group import load
from robustness.cli.options import Indexes, with_loading
from robustness.models.load_options import PLAIN, Loading, PromptFormat
from server.settings import LIMITS, Settings

_MIB = 1024 * 1024
_MOST_DAYS = 36_500

PREFIX = "STEADFAST_"
"""Start of the names of the variables that stand for options."""

_COUNTS = {
    "predictions": "Predictions and comparisons that are computed at once.",
    "waiting_predictions": "Further ones that wait; what comes beyond gets the status 429.",
    "generations": "Generated texts, measurements and long lists that are computed at once.",
    "waiting_generations": "Further ones that wait.",
    "uploads": "Uploaded tables that are parsed at once.",
    "waiting_uploads": "Further ones that wait.",
    "waiting_page": "Events of all visitors of the page that wait.",
    "client_jobs": "Jobs of one client that the server keeps, ended ones included.",
    "small_job": "Prompts up to which a job is small: such jobs do not wait for others.",
    "unfinished_jobs": "Jobs that are queued or running, of all clients together.",
}
"""Fields of `Settings` that count something -> help."""
_RATES = {
    "client_requests": "Requests of one client in a time, as in 300/minute.",
    "client_rows": "Rows of uploaded tables of one client in a time.",
    "client_prompts": "Prompts that the models read for one client in a time.",
}
"""Fields of `Settings` that limit a client -> help; they hold where others reach the server."""
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(Settings)}


def _seconds(text: str) -> float:
    """A duration from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text} is no time (seconds, above 0)")
    return value


def _days(text: str) -> float:
    """A number of days from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= _MOST_DAYS:
        raise typer.BadParameter(f"{text} is no number of days (above 0, at most {_MOST_DAYS})")
    return value


def _rate(text: str) -> str:
    """A number in a time from the command line."""
    try:
        load("limits:parse")(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no limit (as in 300/minute or 20000/day)") from error
    return text


def _root_path(text: str) -> str:
    """A prefix of paths from the command line."""
    if text.strip("/") and not text.startswith("/"):
        raise typer.BadParameter(f"{text} is no prefix of paths (as in /steadfast)")
    return text.rstrip("/")


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


def _most(what: str) -> Any:
    """An option that limits what a client may send at once."""
    return typer.Option(parser=_count, metavar="<int>", help=f"Most {what}.")


@with_loading
def _settings(
    model: Annotated[
        str, typer.Option(help="Model folder or hub name; by default the embedded backbone.")
    ] = str(paths.BACKBONE),
    prefix: Annotated[
        list[str] | None,
        typer.Option(help="Prefix or LoRA: a shipped name or a PEFT adapter folder; repeatable."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of a further model in the page's picker, loaded when it is picked; "
            "repeatable."
        ),
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
    root_path: Annotated[
        str,
        typer.Option(
            parser=_root_path, metavar="<path>",
            help="Prefix of the paths that a reverse proxy takes away, as in /steadfast.",
        ),
    ] = "",
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Address of a reverse proxy whose X-Forwarded-For is believed; * for any; "
            "repeatable."
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            "--api-key", "--api-key-file", metavar="<file>",
            help="File with a line KEY, or NAME KEY for each of several clients; requests then "
            "need one. Or the same in $STEADFAST_API_KEY."
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Let others reach the server without a key.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name by which the server is reached, as in demo.org; repeatable."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Other site whose pages may send requests, as in https://example.org; "
            "repeatable."
        ),
    ] = None,
    indexes: Indexes = paths.INDEXES,
    paraphraser_url: Annotated[
        str | None,
        typer.Option(
            help="URL (up to /v1) of an OpenAI-compatible API whose model also suggests "
            "rewordings; its key is read from $STEADFAST_PARAPHRASER_KEY."
        ),
    ] = None,
    paraphraser_model: Annotated[str, typer.Option(help="Name of the model in that API.")] = "",
    public_url: Annotated[
        str | None,
        typer.Option(help="Address that the page's Share and QR code give, for a demo at a booth."),
    ] = None,
    mcp: Annotated[
        bool,
        typer.Option(
            help="Offer predict, measure, advise and compare as tools of an MCP server at "
            "/gradio_api/mcp (needs mcp: requirements-mcp.txt)."
        ),
    ] = False,
    jobs: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the batch jobs; by default runs/jobs/PORT."
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
    keep_days: Annotated[
        float | None,
        typer.Option(
            parser=_days, metavar="<float>",
            help="Days after which a job that has ended is deleted with its table and result; by "
            "default never.",
        ),
    ] = None,
    max_upload: Annotated[int, _most("MiB of an uploaded table")] = 64,
    max_body: Annotated[int, _most("MiB of any other request")] = 8,
    max_columns: Annotated[int | None, _most("columns of a table")] = LIMITS.columns,
    max_rows: Annotated[int | None, _most("rows of a table")] = LIMITS.rows,
    max_cells: Annotated[int | None, _most("cells of a table")] = LIMITS.cells,
    max_options: Annotated[
        int | None, _most("answer options of an input in a request")
    ] = LIMITS.options,
    max_prompts: Annotated[
        int | None, _most("prompts that the models read for a table")
    ] = LIMITS.prompts,
    max_unpacked: Annotated[
        int, _most("MiB of a Parquet file when it is unpacked")
    ] = 512,
    queue_seconds: Annotated[
        float,
        typer.Option(
            parser=_seconds, metavar="<float>",
            help="Seconds that a request waits in a queue before it gets the status 429.",
        ),
    ] = 30.0,
    *,
    environment: Mapping[str, str],
    **counts: Any,
) -> Settings:
    """The settings from the values of the options and the environment."""
    return Settings(
        model=model, prefixes=tuple(prefix or ()), also=tuple(also or ()), engine=engine,
        prompt_format=prompt_format, loading=loading, backend=backend, vllm_url=vllm_url,
        vllm_timeout=vllm_timeout,
        vllm_key=environment.get("VLLM_API_KEY", ""),
        backend_key=environment.get("STEADFAST_BACKEND_KEY", ""),
        vllm_log=Path("runs/vllm", f"{port}.log"), host=host, port=port, indexes=indexes,
        jobs=jobs or Path("runs/jobs", str(port)), paraphraser_url=paraphraser_url,
        paraphraser_model=paraphraser_model,
        paraphraser_key=environment.get("STEADFAST_PARAPHRASER_KEY", ""), patience=patience,
        keep_days=keep_days,
        largest_upload=max_upload * _MIB, largest_body=max_body * _MIB,
        limits=replace(
            LIMITS, columns=max_columns, rows=max_rows, cells=max_cells, options=max_options,
            prompts=max_prompts, unpacked=max_unpacked * _MIB,
        ),
        public_url=public_url, mcp=mcp,
        queue_seconds=queue_seconds, root_path=root_path, proxies=tuple(proxy or ()),
        api_key_file=api_key_file, api_key=environment.get("STEADFAST_API_KEY", ""),
        no_auth=no_auth, allow_hosts=tuple(allow_host or ()),
        allow_origins=tuple(allow_origin or ()), **counts,
    )


def _parameters() -> list[inspect.Parameter]:
    """The options of a server as parameters of its command, each with its variable."""
    numbers = {
        name: Annotated[int, typer.Option(parser=_count, metavar="<int>", help=said)]
        for name, said in _COUNTS.items()
    }
    rates = {
        name: Annotated[str, typer.Option(parser=_rate, metavar="<number/time>", help=said)]
        for name, said in _RATES.items()
    }
    limits = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[name], annotation=annotation
        )
        for name, annotation in (numbers | rates).items()
    ]
    named = inspect.signature(_settings).parameters.values()
    given = [p for p in named if p.name not in ("environment", "counts")]
    return [_with_variable(p) for p in (*given, *limits)]


def _with_variable(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same option, which is also read from a variable."""
    kind, option, *_ = get_args(parameter.annotation)
    option = copy.copy(option)  # commands of the library have some of these options, too
    option.envvar = f"{PREFIX}{parameter.name.upper()}"
    return parameter.replace(annotation=Annotated[kind, option])


def with_settings(
    command: Callable[[Settings], None], environment: Mapping[str, str] | None = None
) -> Callable[..., None]:
    """Turns a function of `Settings` into a command with the servers' options.

    Args:
        command: Starts the server; its docstring is the help.
        environment: Gives the keys, which are no options; by default that of the process, read
            when the command runs.
    """
    options = _parameters()

    def asked(**given: Any) -> None:
        read = os.environ if environment is None else environment
        command(_settings(**given, environment=read))

    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    asked.__annotations__ = {p.name: p.annotation for p in options}
    asked.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    return asked


def app_of(command: Callable[..., None]) -> typer.Typer:
    """A program with one command, a result of `with_settings`."""
    made = typer.Typer(add_completion=False)
    made.command()(command)
    return made


def run(
    command: Callable[..., None], arguments: Sequence[str] | None = None, *, prog: str
) -> None:
    """Runs a program with one command; exits with status 2 on a bad argument.

    Args:
        command: A result of `with_settings`.
        arguments: By default those of the process.
        prog: The program's name in help and errors.
    """
    cli.run(typer.main.get_command(app_of(command)), arguments, prog)


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
