"""Commands about instructions: predict, advise, compare, quantiles, score.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

from pathlib import Path
from typing import Annotated

import typer

from robustness import paths, suggestions
from robustness.cli import render
from robustness.cli.options import (
    DEFAULT_MODEL,
    TASK_HELP,
    Format,
    Indexes,
    Json,
    Model,
    ParaphraserKey,
    ParaphraserModel,
    ParaphraserUrl,
    Prefixes,
    TaskName,
    Text,
    emit,
    engine_of,
    folders_of,
    one_model,
    progress,
    served_at,
    with_loading,
    workbench_of,
)
from robustness.data import tasks
from robustness.errors import InputError
from robustness.evaluation.prompteval import runner
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import PLAIN, Loading
from robustness.models.sentence_encoder import Encoder
from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
from robustness.prediction import black_box
from robustness.scoring import batch, ray_setup
from robustness.types import Prediction
from robustness.workbench import Workbench

app = typer.Typer()


@app.command()
@with_loading
def predict(
    text: Text,
    task: TaskName = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Own inputs: a table with `input` and `options`.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    neighbours: Annotated[int, typer.Option("-k", help="Neighbours to show.")] = 5,
    measurements: Annotated[
        Path | None,
        typer.Option(
            help="Table of instruction, task, model, accuracy: predict from texts alone, for the "
            "table's model that --of names."
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
        str, typer.Option(help="With --measurements: labelled inputs answered rightly: 13/16.")
    ] = "",
    encoder: Annotated[
        str | None,
        typer.Option(help="With --measurements: sentence encoder, a folder or a hub name."),
    ] = None,
    probe: Annotated[
        int, typer.Option(min=0, help="Unlabelled inputs to read: 32 or 64; 16 are read anyway.")
    ] = 0,
    labelled: Annotated[
        int, typer.Option(min=0, help="Labelled inputs to read: 16, 32 or 64.")
    ] = 0,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Go through every tier of evidence up to all labelled inputs."
        ),
    ] = False,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Nearest observed instructions, predicted degradation and conflicts of one instruction."""
    if measurements is not None:
        table = black_box.read(measurements)
        for number, problem in table.errors.items():
            typer.echo(f"{measurements}, row {number + 1} left out: {problem}", err=True)
        found = table.predict(
            text, task=task, model=of, k=neighbours,
            answers=black_box.answers_of(answers) if answers else (),
            labelled=black_box.share_of(right) if right else None,
            embed=Encoder(encoder) if encoder else None,
        )
        emit(found, as_json, render.prediction(found))
        return
    workbench, chosen = one_model(model, prefix, indexes, prompt_format, loading)
    examples = None if inputs is None else batch.read_inputs(workbench, inputs)
    if measure:
        if task is None:
            raise InputError("--measure needs --task: only a task has inputs to measure on")
        made = _climb(workbench, text, task, chosen, neighbours)
        emit(made, as_json, render.prediction(made))
        return
    if probe or labelled:
        calls = workbench.planned(task, model=chosen, probe=probe, labelled=labelled)
        typer.echo(f"reading {calls} prompts", err=True)
        if calls < max(probe, labelled):
            typer.echo(
                f"{max(probe, labelled)} were asked for; this index is calibrated for no more "
                "than these on this task", err=True,
            )
    made = workbench.predict(
        text, task=task, inputs=examples, model=chosen, k=neighbours, probe=probe,
        labelled=labelled,
    )
    emit(made, as_json, render.prediction(made))


def _climb(workbench: Workbench, text: str, task: str, model: str, k: int) -> Prediction:
    """The best evidenced prediction; what came before it goes to stderr as it comes."""
    plan = workbench.plan(task, model=model)
    typer.echo(f"reading up to {max(plan.values())} prompts", err=True)
    rungs = []
    for rung in workbench.ladder(text, task=task, model=model, k=k):
        rungs.append(rung)
        typer.echo(render.rung(rung), err=True)
    return rungs[-1].prediction


@app.command()
@with_loading
def advise(
    text: Text,
    task: Annotated[str, typer.Option(help=TASK_HELP)],
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    paraphraser_url: ParaphraserUrl = None,
    paraphraser_model: ParaphraserModel = "",
    paraphraser_key: ParaphraserKey = "",
    as_json: Json = False,
) -> None:
    """Rewordings with their predicted loss, and which words moved the instruction."""
    workbench, chosen = one_model(model, prefix, indexes, prompt_format, loading)
    served = None
    if paraphraser_url is not None:
        served = LlmParaphraser(
            url=paraphraser_url, model=paraphraser_model, key=paraphraser_key
        )
        typer.echo(f"asking {paraphraser_url} {served.calls} times", err=True)
    rows = suggestions.rewordings(workbench, text, task=task, model=chosen, paraphraser=served)
    phrases = suggestions.moved(workbench, text, task=task, model=chosen)
    emit({"rewordings": rows, "phrases": phrases}, as_json, render.advised(rows, phrases))


@app.command()
@with_loading
def compare(
    text: Text,
    task: TaskName = None,
    input_text: Annotated[
        str, typer.Option("--input", help="The input; by default the task's first test input.")
    ] = "",
    options: Annotated[str, typer.Option(help="Own options, separated by |.")] = "",
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Both models' answers to the same prompt, with option probabilities."""
    workbench = workbench_of(model, prefix, indexes, prompt_format, loading)
    example = batch.example_of(workbench, task, input_text, options, "") if input_text else None
    made = workbench.compare(
        text, task=task, example=example, models=(workbench.original, *workbench.aligned)
    )
    emit(made, as_json, render.comparison(made))


@app.command()
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
        int, typer.Option(min=0, help="Automatic paraphrases of each, besides.")
    ] = 0,
    share: Annotated[
        float, typer.Option("--budget", help="Share of all cells that may be asked.")
    ] = 0.1,
    width: Annotated[
        float | None, typer.Option(help="Points: stop where no interval is wider.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="File that keeps answers; with it nothing is asked twice.")
    ] = None,
    seed: int = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    as_json: Json = False,
) -> None:
    """Quantiles of accuracy over many instructions, from a part of the cells (PromptEval)."""
    chosen = tasks.find(task)
    pool, left = runner.pool(chosen, instruction_table, paraphrases=paraphrases, seed=seed)
    for text, reason in left.items():
        typer.echo(f"left out {text!r}: {reason}", err=True)
    engine = engine_of(model, prefix or [], prompt_format, loading)
    with progress("cell") as report:
        made = runner.measure(
            engine, engine.models()[-1 if prefix else 0].id, pool, chosen, share=share,
            width=width, journal=journal, seed=seed,
            on_round=lambda q: report(f"widest {q.width:.1f}", q.asked, q.cells),
        )
    emit(made, as_json, render.budget(made))


@app.command()
@with_loading
def score(
    table: Annotated[Path, typer.Argument(help=".csv, .json, .jsonl or .parquet.")],
    out: Annotated[Path, typer.Option(help="Where to write; the ending gives the format.")],
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run stopped.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Score on a Ray cluster: HOST:PORT, auto, or alone for one on this machine.",
        ),
    ] = None,
    ray_workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --ray: workers; by default one a server, else one a GPU, or one a core.",
        ),
    ] = None,
    engine_url: Annotated[
        list[str] | None,
        typer.Option(
            help="A Steadfast server that runs the model instead (it may hold a vLLM); with --ray "
            "repeatable, dealt to the workers in turn."
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Scores a table of instructions; a bad row says so itself and never costs the others."""
    with progress("row") as report:
        def on_progress(done: int, total: int) -> None:
            report("scoring", done, total)

        if ray is not None:
            scored = ray_setup.ray_cluster().score_file(
                table, out,
                ray_setup.Setup(
                    model=model, prefixes=folders_of(prefix, model), indexes=indexes,
                    prompt_format=prompt_format, loading=loading,
                    engine_urls=tuple(engine_url or ()),
                ),
                address=ray, workers=ray_workers, resume=resume, on_progress=on_progress,
            )
        else:
            workbench = (
                served_at(engine_url, indexes) if engine_url
                else workbench_of(model, prefix, indexes, prompt_format, loading)
            )
            scored = batch.score_file(
                table, out, workbench, resume=resume, on_progress=on_progress
            )
    summary = batch.summary(scored, out)
    emit(summary, as_json, render.summary(summary))
