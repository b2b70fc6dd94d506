"""The command alterations train."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    Data,
    Json,
    Model,
    corpora_of,
    listed,
    numbers,
    with_loading,
)
from robustness.data import defaults
from robustness.errors import InputError
from robustness.models.load_options import PLAIN, Loading
from robustness.training.perturbed.recipe import Recipe, Version

_RECIPE = Recipe()


@with_loading
def train(
    out: Annotated[Path, typer.Option(help="Folder of the results; an existing one is resumed.")],
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
            help="Tasks that are only tested on; by default the built-in tasks without observed "
            "instructions. `none`: no task.",
        ),
    ] = None,
    versions: Annotated[
        str, typer.Option(help="Versions of the instructions to train on, separated by commas.")
    ] = ",".join(_RECIPE.versions),
    instances: Annotated[
        str, typer.Option(help="Numbers of training inputs per task, separated by commas.")
    ] = ",".join(map(str, _RECIPE.instances)),
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of draws of inputs, phrasings and their order.")
    ] = _RECIPE.seeds,
    limit: Annotated[
        int, typer.Option(min=1, help="Most test inputs per task, balanced over labels.")
    ] = _RECIPE.limit,
    epochs: Annotated[
        int, typer.Option(min=1, help="Number of passes over the training inputs.")
    ] = _RECIPE.epochs,
    batch: Annotated[
        int, typer.Option(min=1, help="Training inputs per update.")
    ] = _RECIPE.batch,
    learning_rate: Annotated[
        float, typer.Option(help="Peak learning rate of all weights.")
    ] = _RECIPE.learning_rate,
    observed: Annotated[
        str, typer.Option(help="Instructions to train on: a shipped collection or a file.")
    ] = defaults.OBSERVED,
    unobserved: Annotated[
        str, typer.Option(help="Instructions to test with: a shipped collection or a file.")
    ] = defaults.UNOBSERVED_DEVELOPMENT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    model: Model = DEFAULT_MODEL,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains copies of a model on perturbed instructions and compares them with the original.

    After Kung and Peng (2023): original, simplified, empty and delusive versions of instructions
    (and correctly solved examples), tested by generated answers on unseen instructions and tasks.
    """
    planned = library.perturbed.plan_of(
        Recipe(
            versions=tuple(_version(name) for name in listed(versions)),
            instances=tuple(numbers(instances, "--instances")), seeds=seeds, limit=limit,
            epochs=epochs, batch=batch, learning_rate=learning_rate,
        ),
        task_names=task_names or (), held_out=[] if held_out == ["none"] else held_out,
        observed=observed, unobserved=unobserved, nltk_data=corpora_of(data),
    )
    shown = library.render_training.training_plan(planned.outline())
    if dry_run:
        output.emit(planned.outline(), as_json, shown)
        return
    typer.echo(shown, err=True)
    with output.progress("unit") as report:
        made = library.perturbed.train(
            planned, model, out, loading=loading, on_progress=report,
            on_start=lambda name, known, total: typer.echo(
                f"{name}: {known} of {total} are finished", err=True
            ),
        )
    output.emit(made, as_json, library.render_training.trained(made))


def _version(name: str) -> Version:
    try:
        return Version(name)
    except ValueError:
        known = ", ".join(Version)
        raise InputError(f"no version {name!r}; there are {known}") from None
