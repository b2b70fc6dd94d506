"""Commands about altered instructions: alterations TEXT, alterations train.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from robustness import paths
from robustness.cli import render
from robustness.cli.options import (
    DEFAULT_MODEL,
    TASK_HELP,
    Data,
    Format,
    Indexes,
    Json,
    Model,
    Prefixes,
    Text,
    corpora_of,
    emit,
    listed,
    numbers,
    one_model,
    progress,
    with_loading,
)
from robustness.data import instructions
from robustness.errors import InputError
from robustness.evaluation import perturbations
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import PLAIN, Loading
from robustness.training import perturbed

_PROBE = "probe"
_RECIPE = perturbed.Recipe()


class _TextOrCommand(TyperGroup):
    """A group whose first argument may be an instruction instead of a command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the default command in front of what is no command."""
        if args and args[0] not in (*self.commands, "--help"):
            args = [_PROBE, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(
    cls=_TextOrCommand, no_args_is_help=True,
    subcommand_metavar="TEXT --task TASK [OPTIONS] | train [OPTIONS]",
    help="How much a model uses an instruction at all. TEXT: negated, nonsensical, empty and other "
    "forms of it are measured; `alterations TEXT --help` has the options. `train`: what models "
    "lose that are trained on altered instructions. A text that is a command's name stands behind "
    "`--`: alterations --task TASK -- train.",
)


@app.command("probe")
@with_loading
def probe(
    text: Text,
    task: Annotated[str, typer.Option(help=TASK_HELP)],
    limit: Annotated[
        int, typer.Option(min=1, help="Labelled inputs to read for each alteration.")
    ] = perturbations.LIMIT,
    seed: Annotated[int, typer.Option(help="Of the alterations and the intervals.")] = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """The alterations of one instruction, measured: the command where none is named."""
    workbench, chosen = one_model(model, prefix, indexes, prompt_format, loading)
    with progress("prompt") as report:
        made = perturbations.probe(
            workbench, text, task=task, model=chosen, limit=limit, seed=seed,
            on_progress=lambda done, total: report("reading", done, total),
        )
    emit(made, as_json, render.probes(made))


@app.command("train")
@with_loading
def train(
    out: Annotated[Path, typer.Option(help="Folder of the results; with the same one, goes on.")],
    task_names: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            help="Built-in names or task files to train on; repeat it or separate by commas. By "
            "default the built-in tasks with observed instructions.",
        ),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            help="Tasks to test only, likewise; by default the built-in tasks without observed "
            "instructions. `none`: no task.",
        ),
    ] = None,
    versions: Annotated[
        str, typer.Option(help="What instructions are replaced by in training; commas between.")
    ] = ",".join(_RECIPE.versions),
    instances: Annotated[
        str, typer.Option(help="Training inputs a task; commas between.")
    ] = ",".join(map(str, _RECIPE.instances)),
    seeds: Annotated[
        int, typer.Option(min=1, help="How often inputs, phrasings and their order are drawn.")
    ] = _RECIPE.seeds,
    limit: Annotated[
        int, typer.Option(min=1, help="Test inputs a task at the most, as many of each label.")
    ] = _RECIPE.limit,
    epochs: Annotated[
        int, typer.Option(min=1, help="How often each training input is seen.")
    ] = _RECIPE.epochs,
    batch: Annotated[
        int, typer.Option(min=1, help="Training inputs an update.")
    ] = _RECIPE.batch,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate, all weights.")
    ] = _RECIPE.learning_rate,
    observed: Annotated[
        str, typer.Option(help="Instructions to train on: a shipped collection or a file.")
    ] = instructions.OBSERVED,
    unobserved: Annotated[
        str, typer.Option(help="Instructions to test with: a shipped collection or a file.")
    ] = instructions.UNOBSERVED_DEVELOPMENT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    model: Model = DEFAULT_MODEL,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains copies of a model on altered instructions and compares them with the original.

    After Kung and Peng (2023): original, simplified, empty and delusive versions (and rightly
    solved examples), tested by generated answers on unseen instructions and on unseen tasks.
    """
    planned = perturbed.plan_of(
        perturbed.Recipe(
            versions=tuple(_version(name) for name in listed(versions)),
            instances=tuple(numbers(instances, "--instances")), seeds=seeds, limit=limit,
            epochs=epochs, batch=batch, learning_rate=learning_rate,
        ),
        task_names=task_names or (), held_out=[] if held_out == ["none"] else held_out,
        observed=observed, unobserved=unobserved, nltk_data=corpora_of(data),
    )
    shown = render.training_plan(planned.outline())
    if dry_run:
        emit(planned.outline(), as_json, shown)
        return
    typer.echo(shown, err=True)
    with progress("unit") as report:
        made = perturbed.train(
            planned, model, out, loading=loading, on_progress=report,
            on_start=lambda name, known, total: typer.echo(
                f"{name}: {known} of {total} are finished", err=True
            ),
        )
    emit(made, as_json, render.trained(made))


def _version(name: str) -> perturbed.Version:
    try:
        return perturbed.Version(name)
    except ValueError:
        known = ", ".join(perturbed.Version)
        raise InputError(f"no version {name!r}; there are {known}") from None
