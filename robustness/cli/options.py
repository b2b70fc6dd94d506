"""What commands share: options, the engine that they name, printing and progress.

Refuses to know any command.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from robustness import checkpoint, paths, storage, tasks
from robustness.errors import InputError
from robustness.formats import PromptFormat
from robustness.tasks import Task
from robustness.transformers_engine import TransformersEngine
from robustness.upkeep import Report
from robustness.workbench import Workbench

Text = Annotated[str, typer.Argument(help="The instruction, with {placeholders} or without.")]
Model = Annotated[str, typer.Option(help="A folder with a transformers model, or a hub name.")]
Prefixes = Annotated[
    list[Path] | None,
    typer.Option("--prefix", help="Soft prefix: a PEFT adapter folder, or a shipped name."),
]
Format = Annotated[
    PromptFormat,
    typer.Option(
        "--prompt-format",
        help="What stands around a prompt; auto: the chat template, or by the model's name.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Indexes = Annotated[Path, typer.Option(help="Folder of the observed indexes.")]
TaskName = Annotated[str | None, typer.Option("--task", help="A built-in task, or a task file.")]
TaskFiles = Annotated[
    list[Path] | None, typer.Option("--tasks", help="Task files, instead of the built-in tasks.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="STEADFAST_DATA", help="Folder with `nltk_data` inside."),
]

DEFAULT_MODEL = str(paths.BACKBONE)


def folders_of(prefixes: Sequence[Path] | None, model: str) -> Mapping[str, Path]:
    """Prefix names -> folders; by default those that ship for the model."""
    shipped = checkpoint.shipped_prefixes(model)
    if prefixes is None:
        return shipped
    return {p.name: shipped.get(str(p), p) for p in prefixes}


def engine_of(
    model: str, prefixes: Sequence[Path] | None, prompt_format: PromptFormat
) -> TransformersEngine:
    """The engine in this process, with the named prefixes or those that ship."""
    return TransformersEngine(
        model, prefixes=folders_of(prefixes, model), prompt_format=prompt_format
    )


def workbench_of(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat
) -> Workbench:
    """The engine with its saved indexes."""
    engine = engine_of(model, prefixes, prompt_format)
    return Workbench(engine, indexes=indexes, task_files=True)


def one_model(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat
) -> tuple[Workbench, str]:
    """A workbench, and the model that is asked about: the named prefix, else the original."""
    workbench = workbench_of(model, prefixes or [], indexes, prompt_format)
    return workbench, workbench.aligned[0] if prefixes else workbench.original


def emit(document: object, as_json: bool, shown: str) -> None:
    """Prints a result, as one JSON document or as it is shown to people."""
    typer.echo(json.dumps(storage.plain(document), ensure_ascii=False) if as_json else shown)


def tasks_of(files: Sequence[Path] | None) -> list[Task]:
    """The given task files, or the built-in tasks."""
    if files:
        return [tasks.read(file) for file in files]
    return [tasks.builtin(name) for name in tasks.builtin_names()]


def listed(text: str) -> list[str]:
    """The parts of a comma-separated option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str) -> list[int]:
    """The whole numbers of a comma-separated option.

    Raises:
        InputError: A part is no whole number.
    """
    try:
        return [int(part) for part in listed(text)]
    except ValueError:
        raise InputError(f"{text!r} is no comma-separated list of whole numbers") from None


@contextmanager
def progress(unit: str) -> Iterator[Report]:
    """A progress bar on stderr."""
    with tqdm(unit=unit, file=sys.stderr, disable=None) as bar:
        def report(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.n = done
            bar.refresh()

        yield report


def corpora_of(data: Path | None) -> Path | None:
    """Folder of NLTK's data in a data folder."""
    return None if data is None else data / "nltk_data"
