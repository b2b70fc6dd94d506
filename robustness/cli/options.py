"""What commands share: options, the engine that they name, printing and progress.

Refuses to know any command.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from robustness import paths
from robustness.data import instructions
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import study
from robustness.evaluation.study import sources
from robustness.models import adapters
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import AUTO, Dtype, Loading
from robustness.models.remote_engine import RemoteEngine
from robustness.models.transformers_engine import TransformersEngine
from robustness.prediction.index_service import Report
from robustness.storage import files
from robustness.types import Instruction
from robustness.workbench import Workbench

Text = Annotated[str, typer.Argument(help="The instruction, with {placeholders} or without.")]
Model = Annotated[str, typer.Option(help="A folder with a transformers model, or a hub name.")]
Prefixes = Annotated[
    list[Path] | None,
    typer.Option("--prefix", help="Prefix or LoRA: a PEFT adapter folder, or a shipped name."),
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
TASK_HELP = (
    "A built-in task, a task file, a labelled CSV, or a folder of BIG-bench or of MMLU."
)
TaskName = Annotated[str | None, typer.Option("--task", help=TASK_HELP)]
TaskSources = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        help="Instead of the built-in tasks: names, task files, labelled CSV tables, MMLU and "
        "BIG-bench folders; repeat it or separate by commas.",
    ),
]
BigBenchField = Annotated[
    str, typer.Option("--field", help="What BIG-bench's input is called in the templates.")
]
Collections = Annotated[
    list[str] | None,
    typer.Option(help="Shipped collections or collection files; repeat it or separate by commas."),
]
ParaphraserUrl = Annotated[
    str | None,
    typer.Option(
        "--paraphraser-url",
        help="OpenAI-compatible address of a model that rewords, up to /v1.",
    ),
]
ParaphraserModel = Annotated[str, typer.Option("--paraphraser-model", help="Its name there.")]
ParaphraserKey = Annotated[
    str,
    typer.Option("--paraphraser-key", envvar="STEADFAST_PARAPHRASER_KEY", help="Its key."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="STEADFAST_DATA", help="Folder with `nltk_data` inside."),
]

DEFAULT_MODEL = str(paths.BACKBONE)

_LOADING = "loading"
_LOADING_OPTIONS = {
    "revision": (
        Annotated[
            str | None,
            typer.Option(help="A hub's branch, tag or commit; indexes are kept for the commit."),
        ],
        None,
    ),
    "device": (Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps...")], AUTO),
    "dtype": (
        Annotated[
            Dtype,
            typer.Option(help="Of the weights; auto: bfloat16 on an NVIDIA GPU, else float32."),
        ],
        Dtype.AUTO,
    ),
    "allow_pickle": (
        Annotated[
            bool,
            typer.Option(
                "--allow-pickle",
                help="Take weights that are not in safetensors; reading them can run code.",
            ),
        ],
        False,
    ),
    "trust_remote_code": (
        Annotated[
            bool,
            typer.Option("--trust-remote-code", help="Run the Python code beside the weights."),
        ],
        False,
    ),
}


def with_loading(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `loading` is given by options: revision, device and so on."""
    signature = inspect.signature(command, eval_str=True)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name != _LOADING:
            parameters.append(parameter)
            continue
        parameters += [
            inspect.Parameter(name, parameter.kind, default=default, annotation=annotation)
            for name, (annotation, default) in _LOADING_OPTIONS.items()
        ]

    def asked(**given: Any) -> None:
        loading = Loading(**{name: given.pop(name) for name in _LOADING_OPTIONS})
        command(**given, **{_LOADING: loading})

    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    asked.__annotations__ = {p.name: p.annotation for p in parameters}
    asked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return asked


def folders_of(prefixes: Sequence[Path] | None, model: str) -> Mapping[str, Path]:
    """Prefix names -> folders; by default those that ship for the model."""
    shipped = adapters.shipped(model)
    if prefixes is None:
        return shipped
    return {p.name: shipped.get(str(p), p) for p in prefixes}


def default_prefix(model: str) -> list[Path]:
    """What is compared with a model where nothing is named: the first adapter that ships."""
    return list(adapters.shipped(model).values())[:1]


def engine_of(
    model: str, prefixes: Sequence[Path] | None, prompt_format: PromptFormat, loading: Loading
) -> TransformersEngine:
    """The engine in this process, with the named prefixes or those that ship."""
    return TransformersEngine(
        model, prefixes=folders_of(prefixes, model), prompt_format=prompt_format, loading=loading
    )


def workbench_of(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat,
    loading: Loading,
) -> Workbench:
    """The engine with its saved indexes."""
    engine = engine_of(model, prefixes, prompt_format, loading)
    return Workbench(engine, indexes=indexes, task_files=True)


def served_at(urls: Sequence[str], indexes: Path) -> Workbench:
    """Another Steadfast server with the indexes saved here."""
    if len(urls) > 1:
        raise InputError(f"--engine-url was given {len(urls)} times; only --ray takes several")
    return Workbench(RemoteEngine(urls[0]), indexes=indexes, task_files=True)


def one_model(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat,
    loading: Loading,
) -> tuple[Workbench, str]:
    """A workbench, and the model that is asked about: the named prefix, else the original."""
    workbench = workbench_of(model, prefixes or [], indexes, prompt_format, loading)
    return workbench, workbench.aligned[0] if prefixes else workbench.original


def emit(document: object, as_json: bool, shown: str) -> None:
    """Prints a result, as one JSON document or as it is shown to people."""
    typer.echo(json.dumps(files.plain(document), ensure_ascii=False) if as_json else shown)


def labelled_tasks(given: Sequence[str] | None, field: str = study.FIELD) -> list[Task]:
    """What `evaluate --tasks` takes; by default the built-in tasks.

    Raises:
        InputError: One of them cannot be read.
    """
    found, left = study.read_tasks(given or [sources.EVERYTHING], field=field)
    if left:
        raise InputError(f"{left[0].name}: {left[0].reason}")
    return found


def collections_of(names: Sequence[str] | None) -> list[Instruction]:
    """Shipped collections and collection files, the first of equal instructions.

    Raises:
        InputError, NotFoundError, CorruptFileError: See `instructions.read_collection`.
    """
    found: dict[str, Instruction] = {}
    for name in sources.names(names or []):
        path = Path(name)
        rows = instructions.read_collection(path) if path.is_file() else instructions.builtin(name)
        found |= {i.id: i for i in rows if i.id not in found}
    return list(found.values())


def listed(text: str) -> list[str]:
    """The parts of a comma-separated option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(text: str, option: str) -> list[int]:
    """The whole numbers of a comma-separated option.

    Args:
        text: What was given.
        option: Its name, for the message.

    Raises:
        InputError: A part is no whole number.
    """
    made = []
    for part in listed(text):
        try:
            made.append(int(part))
        except ValueError:
            raise InputError(
                f"{option} takes whole numbers with commas between, such as 10,50; found {part!r}"
            ) from None
    return made


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
