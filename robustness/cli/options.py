"""Options that commands share, and how their values are read."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from robustness import paths
from robustness.cli import library
from robustness.errors import InputError
from robustness.models.load_options import (
    AUTO,
    Dtype,
    Loading,
    OptionScores,
    PromptFormat,
    template_options,
)


def _loadable(model: str) -> str:
    """The model's folder or name; of the folder of a difference, the tuned model's folder."""
    # Looked at here, so that no command pays for the library that puts a difference on.
    if not library.papers.is_difference(model):
        return model
    return str(library.difference.applied(Path(model)))


Text = Annotated[str, typer.Argument(help="The instruction, with {placeholders} or without.")]
Model = Annotated[
    str,
    typer.Option(
        callback=_loadable, help="Folder of a transformers model, or its name on the hub."
    ),
]
Prefixes = Annotated[
    list[Path] | None,
    typer.Option("--prefix", help="Prefix or LoRA: folder of a PEFT adapter, or a shipped name."),
]
AdaptersOnly = Annotated[
    bool, typer.Option("--adapters-only", help="Leave out the model without an adapter.")
]
Format = Annotated[
    PromptFormat,
    typer.Option(
        "--prompt-format",
        help="Chat format of prompts; auto: the chat template, or by the model's name.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Indexes = Annotated[Path, typer.Option(help="Folder of the observed indexes.")]
TASK_HELP = (
    "A built-in task, a task file, a labelled table, or a folder of BIG-bench or of MMLU."
)
TaskName = Annotated[str | None, typer.Option("--task", help=TASK_HELP)]
TaskSources = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        help="Instead of the built-in tasks: names, task files, labelled tables, MMLU and "
        "BIG-bench folders; repeat it or separate by commas.",
    ),
]
BigBenchField = Annotated[
    str, typer.Option("--field", help="Name of BIG-bench's input in the templates.")
]
Collections = Annotated[
    list[str] | None,
    typer.Option(help="Shipped collections or collection files; repeat it or separate by commas."),
]
ParaphraserUrl = Annotated[
    str | None,
    typer.Option(
        "--paraphraser-url",
        help="URL, up to /v1, of an OpenAI-compatible API whose model writes paraphrases.",
    ),
]
ParaphraserModel = Annotated[str, typer.Option("--paraphraser-model", help="Its name in that API.")]
ParaphraserKey = Annotated[
    str,
    typer.Option("--paraphraser-key", envvar="STEADFAST_PARAPHRASER_KEY", help="Key of that API."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="STEADFAST_DATA", help="Folder with `nltk_data` inside."),
]

DEFAULT_MODEL = str(paths.BACKBONE)

Made = TypeVar("Made")
"""Result of a command: None, except for those that only read options."""

_LOADING = "loading"
_LOADING_OPTIONS = {
    "revision": (
        Annotated[
            str | None,
            typer.Option(help="Branch, tag or commit on the hub; an index belongs to a commit."),
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
                help="Load weights that are not in safetensors; reading them can run code.",
            ),
        ],
        False,
    ),
    "trust_remote_code": (
        Annotated[
            bool,
            typer.Option("--trust-remote-code", help="Run Python code that the repository holds."),
        ],
        False,
    ),
    "option_scores": (
        Annotated[
            OptionScores,
            typer.Option(help="Compare options by their log-probability, or by this per byte."),
        ],
        OptionScores.SUM,
    ),
}
_TEMPLATE_OPTIONS = {
    "template_date": (
        Annotated[
            str | None,
            typer.Option(
                metavar="YYYY-MM-DD",
                help="Date that the chat template takes for today; by default that of the start.",
            ),
        ],
        None,
    ),
    "system_prompt": (
        Annotated[str | None, typer.Option(help="System prompt in the chat template.")], None
    ),
    "template_arg": (
        Annotated[
            list[str] | None,
            typer.Option(
                metavar="NAME=VALUE",
                help="Variable of the chat template, such as enable_thinking=false; repeatable.",
            ),
        ],
        None,
    ),
}


def with_loading(command: Callable[..., Made]) -> Callable[..., Made]:
    """A command whose parameter `loading` is given by options: revision, device and so on."""
    signature = inspect.signature(command, eval_str=True)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name != _LOADING:
            parameters.append(parameter)
            continue
        parameters += [
            inspect.Parameter(name, parameter.kind, default=default, annotation=annotation)
            for name, (annotation, default) in (_LOADING_OPTIONS | _TEMPLATE_OPTIONS).items()
        ]

    def asked(**given: Any) -> Made:
        template = template_options(
            given.pop("template_date"), given.pop("system_prompt"), given.pop("template_arg") or ()
        )
        loading = Loading(
            **{name: given.pop(name) for name in _LOADING_OPTIONS}, template=template
        )
        return command(**given, **{_LOADING: loading})

    asked.__name__, asked.__doc__ = command.__name__, command.__doc__
    asked.__annotations__ = {p.name: p.annotation for p in parameters}
    asked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return asked


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


def corpora_of(data: Path | None) -> Path | None:
    """Folder of NLTK's data in a data folder."""
    return None if data is None else data / "nltk_data"
