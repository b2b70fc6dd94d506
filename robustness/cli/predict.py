"""The command predict."""

from pathlib import Path
from typing import Annotated, Literal

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
    TaskName,
    Text,
    with_loading,
)
from robustness.errors import InputError
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def predict(
    text: Text,
    task: TaskName = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Your inputs: a table with `input` and `options`.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    neighbours: Annotated[int, typer.Option("-k", help="Number of neighbours to show.")] = 5,
    measurements: Annotated[
        Path | None,
        typer.Option(
            help="Table of instruction, task, model, accuracy, to predict from texts alone for "
            "its model --of."
        ),
    ] = None,
    of: Annotated[str | None, typer.Option(help="A model of the table of measurements.")] = None,
    answers: Annotated[
        str,
        typer.Option(
            help="With --measurements: the model's answers to the unlabelled inputs of the "
            "table's column `answers`, separated by |."
        ),
    ] = "",
    right: Annotated[
        str, typer.Option(help="With --measurements: correct answers of labelled ones: 13/16.")
    ] = "",
    encoder: Annotated[
        str | None,
        typer.Option(help="With --measurements: sentence encoder, a folder or a name on the hub."),
    ] = None,
    probe: Annotated[
        str,
        typer.Option(
            help="Unlabelled inputs to read: 32 or 64, or auto: as many as narrow the interval "
            "enough; 16 are always read."
        ),
    ] = "0",
    labelled: Annotated[
        int, typer.Option(min=0, help="Labelled inputs to read: 16, 32 or 64.")
    ] = 0,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Use each tier of evidence in turn, up to all labelled inputs."
        ),
    ] = False,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Predicts the degradation under one instruction, with its nearest observed instructions."""
    if measurements is not None:
        table = library.black_box.read(measurements)
        for number, problem in table.errors.items():
            typer.echo(f"{measurements}, row {number + 1} left out: {problem}", err=True)
        found = table.predict(
            text, task=task, model=of, k=neighbours,
            answers=library.black_box.answers_of(answers) if answers else (),
            labelled=library.black_box.share_of(right) if right else None,
            embed=library.sentence_encoder.Encoder(encoder) if encoder else None,
        )
        output.emit(found, as_json, library.render_predictions.prediction(found))
        return
    workbench, chosen = library.open.one_model(model, prefix, indexes, prompt_format, loading)
    examples = None if inputs is None else library.batch.read_inputs(workbench, inputs)
    if measure:
        if task is None:
            raise InputError("--measure needs --task: only a task has inputs to measure on")
        made = _climb(workbench, text, task, chosen, neighbours)
        output.emit(made, as_json, library.render_predictions.prediction(made))
        return
    inputs_read = _probing(probe)
    if inputs_read or labelled:
        calls = workbench.planned(task, model=chosen, probe=inputs_read, labelled=labelled)
        most = labelled if inputs_read == "auto" else max(inputs_read, labelled)
        upto = "up to " if inputs_read == "auto" else ""
        typer.echo(f"reading {upto}{calls} prompts", err=True)
        if calls < most:
            typer.echo(
                f"{most} were asked for; this index is calibrated for no more "
                "than these on this task", err=True,
            )
    made = workbench.predict(
        text, task=task, inputs=examples, model=chosen, k=neighbours, probe=inputs_read,
        labelled=labelled,
    )
    output.emit(made, as_json, library.render_predictions.prediction(made))


def _probing(text: str) -> "int | Literal['auto']":
    """The value of `--probe`."""
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise InputError(f"--probe is a number of inputs or auto, found {text!r}")
    return int(text)


def _climb(
    workbench: "library.workbench.Workbench", text: str, task: str, model: str, k: int
) -> "library.types.Prediction":
    """The best evidenced prediction; what came before it goes to stderr as it comes."""
    plan = workbench.plan(task, model=model)
    typer.echo(f"reading up to {max(plan.values())} prompts", err=True)
    rungs = []
    for rung in workbench.ladder(text, task=task, model=model, k=k):
        rungs.append(rung)
        typer.echo(library.render_predictions.rung(rung), err=True)
    return rungs[-1].prediction
