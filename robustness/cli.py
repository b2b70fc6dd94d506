"""The command line: each command parses, makes one call into the library, and shows.

Refuses to compute. One JSON document on stdout with `--json`; progress and errors on stderr.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from robustness import (
    advice,
    alterations,
    budget,
    checkpoint,
    cluster,
    instructions,
    measured,
    paths,
    published,
    scoring,
    show,
    storage,
    study,
    tasks,
    upkeep,
)
from robustness.alignment import train as alignment
from robustness.alignment.recipe import AlignRecipe
from robustness.alignment.served import ServedParaphraser
from robustness.backbone import recipe
from robustness.backbone import train as backbone
from robustness.collections import sources
from robustness.encoder import Encoder
from robustness.errors import InputError, RobustnessError
from robustness.formats import PromptFormat
from robustness.tasks import Task
from robustness.transformers_engine import TransformersEngine
from robustness.types import Prediction
from robustness.upkeep import Report
from robustness.workbench import Workbench

app = typer.Typer(
    name="robustness", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="How much does a language model depend on the way an instruction is phrased?",
)
index_app = typer.Typer(no_args_is_help=True, help="The observed index of a model.")
backbone_app = typer.Typer(no_args_is_help=True, help="How the embedded backbone is made.")
published_app = typer.Typer(no_args_is_help=True, help="The published results, recomputed.")
app.add_typer(index_app, name="index")
app.add_typer(backbone_app, name="backbone")
app.add_typer(published_app, name="published")

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


def _folders(prefixes: Sequence[Path] | None, model: str) -> Mapping[str, Path]:
    """Prefix names -> folders; by default those that ship for the model."""
    shipped = checkpoint.shipped_prefixes(model)
    if prefixes is None:
        return shipped
    return {p.name: shipped.get(str(p), p) for p in prefixes}


def _engine(
    model: str, prefixes: Sequence[Path] | None, prompt_format: PromptFormat
) -> TransformersEngine:
    return TransformersEngine(
        model, prefixes=_folders(prefixes, model), prompt_format=prompt_format
    )


def _workbench(
    model: str, prefixes: Sequence[Path] | None, indexes: Path, prompt_format: PromptFormat
) -> Workbench:
    engine = _engine(model, prefixes, prompt_format)
    return Workbench(engine, indexes=indexes, task_files=True)


def _print(document: object, as_json: bool, shown: str) -> None:
    typer.echo(json.dumps(storage.plain(document), ensure_ascii=False) if as_json else shown)


def _tasks(files: Sequence[Path] | None) -> list[Task]:
    if files:
        return [tasks.read(file) for file in files]
    return [tasks.builtin(name) for name in tasks.builtin_names()]


@contextmanager
def _bar(unit: str) -> Iterator[Report]:
    """A progress bar on stderr."""
    with tqdm(unit=unit, file=sys.stderr, disable=None) as bar:
        def report(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.n = done
            bar.refresh()

        yield report


@app.command()
def predict(
    text: Text,
    task: TaskName = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Own inputs: a table with `input` and `options`.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
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
        table = measured.read(measurements)
        for number, problem in table.errors.items():
            typer.echo(f"{measurements}, row {number + 1} left out: {problem}", err=True)
        found = table.predict(
            text, task=task, model=of, k=neighbours,
            answers=measured.answers_of(answers) if answers else (),
            labelled=measured.share_of(right) if right else None,
            embed=Encoder(encoder) if encoder else None,
        )
        _print(found, as_json, show.prediction(found))
        return
    workbench = _workbench(model, prefix or [], indexes, prompt_format)
    examples = None if inputs is None else scoring.read_inputs(workbench, inputs)
    chosen = workbench.aligned[0] if prefix else workbench.original
    if measure:
        if task is None:
            raise InputError("--measure needs --task: only a task has inputs to measure on")
        made = _climb(workbench, text, task, chosen, neighbours)
        _print(made, as_json, show.prediction(made))
        return
    if probe or labelled:
        calls = workbench.planned(task, model=chosen, probe=probe, labelled=labelled)
        typer.echo(f"reading {calls} prompts", err=True)
    made = workbench.predict(
        text, task=task, inputs=examples, model=chosen, k=neighbours, probe=probe,
        labelled=labelled,
    )
    _print(made, as_json, show.prediction(made))


def _climb(workbench: Workbench, text: str, task: str, model: str, k: int) -> Prediction:
    """The best evidenced prediction; what came before it goes to stderr as it comes."""
    plan = workbench.plan(task, model=model)
    typer.echo(f"reading up to {max(plan.values())} prompts", err=True)
    rungs = []
    for rung in workbench.ladder(text, task=task, model=model, k=k):
        rungs.append(rung)
        typer.echo(show.rung(rung), err=True)
    return rungs[-1].prediction


@app.command()
def advise(
    text: Text,
    task: Annotated[str, typer.Option(help="A built-in task or a task file.")],
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    paraphraser_url: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible address of a model that rewords too, up to /v1."),
    ] = None,
    paraphraser_model: Annotated[str, typer.Option(help="Its name there.")] = "",
    paraphraser_key: Annotated[
        str, typer.Option(envvar="STEADFAST_PARAPHRASER_KEY", help="Its key.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Rewordings with their predicted loss, and which words moved the instruction."""
    workbench = _workbench(model, prefix or [], indexes, prompt_format)
    chosen = workbench.aligned[0] if prefix else workbench.original
    served = None
    if paraphraser_url is not None:
        served = ServedParaphraser(
            url=paraphraser_url, model=paraphraser_model, key=paraphraser_key
        )
        typer.echo(f"asking {paraphraser_url} {served.calls} times", err=True)
    rows = advice.rewordings(workbench, text, task=task, model=chosen, paraphraser=served)
    phrases = advice.moved(workbench, text, task=task, model=chosen)
    _print({"rewordings": rows, "phrases": phrases}, as_json, show.advised(rows, phrases))


@app.command("alterations")
def alter(
    text: Text,
    task: Annotated[str, typer.Option(help="A built-in task or a task file.")],
    limit: Annotated[
        int, typer.Option(min=1, help="Labelled inputs to read for each alteration.")
    ] = alterations.LIMIT,
    seed: Annotated[int, typer.Option(help="Of the alterations and the intervals.")] = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """How much a model uses an instruction at all: negated, nonsensical, empty and other forms."""
    workbench = _workbench(model, prefix or [], indexes, prompt_format)
    chosen = workbench.aligned[0] if prefix else workbench.original
    with _bar("prompt") as report:
        made = alterations.probe(
            workbench, text, task=task, model=chosen, limit=limit, seed=seed,
            on_progress=lambda done, total: report("reading", done, total),
        )
    _print(made, as_json, show.probes(made))


@app.command()
def quantiles(
    task: Annotated[str, typer.Option(help="A built-in task or a task file.")],
    instruction_table: Annotated[
        Path | None,
        typer.Option(
            "--instructions",
            help="Table with `instruction`; by default the shipped observed and "
            "unobserved-development instructions of the task.",
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
    as_json: Json = False,
) -> None:
    """Quantiles of accuracy over many instructions, from a part of the cells (PromptEval)."""
    chosen = tasks.find(task)
    pool, left = budget.pool(chosen, instruction_table, paraphrases=paraphrases, seed=seed)
    for text, reason in left.items():
        typer.echo(f"left out {text!r}: {reason}", err=True)
    engine = _engine(model, prefix or [], prompt_format)
    with _bar("cell") as report:
        made = budget.measure(
            engine, engine.models()[-1 if prefix else 0].id, pool, chosen, share=share,
            width=width, journal=journal, seed=seed,
            on_round=lambda q: report(f"widest {q.width:.1f}", q.asked, q.cells),
        )
    _print(made, as_json, show.budget(made))


@app.command()
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
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Both models' answers to the same prompt, with option probabilities."""
    workbench = _workbench(model, prefix, indexes, prompt_format)
    example = scoring.example_of(workbench, task, input_text, options, "") if input_text else None
    made = workbench.compare(
        text, task=task, example=example, models=(workbench.original, *workbench.aligned)
    )
    _print(made, as_json, show.comparison(made))


@app.command()
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
        typer.Option(min=1, help="With --ray: workers; by default one a GPU, or one a core."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Scores a table of instructions; a bad row says so itself and never costs the others."""
    with _bar("row") as report:
        def on_progress(done: int, total: int) -> None:
            report("scoring", done, total)

        if ray is not None:
            scored = cluster.ray_cluster().score_file(
                table, out,
                cluster.Setup(
                    model=model, prefixes=_folders(prefix, model), indexes=indexes,
                    prompt_format=prompt_format,
                ),
                address=ray, workers=ray_workers, resume=resume, on_progress=on_progress,
            )
        else:
            scored = scoring.score_file(
                table, out, _workbench(model, prefix, indexes, prompt_format), resume=resume,
                on_progress=on_progress,
            )
    summary = scoring.summary(scored, out)
    _print(summary, as_json, show.summary(summary))


@app.command()
def evaluate(
    task_names: Annotated[
        list[str],
        typer.Option(
            "--tasks",
            help="Built-in names (`builtin`: all), task files, labelled CSV tables, MMLU folders, "
            "BIG-bench task folders; repeat it or separate by commas.",
        ),
    ],
    collections: Annotated[
        list[str],
        typer.Option(
            "--instructions",
            help="Shipped collections, and collection files as `import` writes them; repeat it or "
            "separate by commas.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; with the same one, goes on.")],
    shots: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Solved examples in front, besides zero-shot; repeatable."),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, help="How often solved examples and their order are drawn.")
    ] = 1,
    limit: Annotated[
        int, typer.Option(min=0, help="Labelled inputs a task at the most; 0: all.")
    ] = study.LIMIT,
    free: Annotated[
        bool, typer.Option("--free", help="Generate answers as well, and count the unparsed.")
    ] = False,
    posix: Annotated[
        bool, typer.Option(help="Score the other instructions' label words too.")
    ] = True,
    field: Annotated[
        str, typer.Option(help="What BIG-bench's input is called in the templates.")
    ] = study.FIELD,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    seed: int = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    as_json: Json = False,
) -> None:
    """Tasks x instructions x models: accuracy, statistics, tables and a report; resumes."""
    planned = study.plan_of(
        task_names, collections, field=field,
        recipe=study.Recipe(
            shots=tuple(shots or ()), draws=draws, limit=limit or None, free=free, posix=posix,
            seed=seed,
        ),
    )
    shown = show.plan(planned, models=1 + len(_folders(prefix, model)))
    if dry_run:
        _print(planned.summary(1 + len(_folders(prefix, model))), as_json, shown)
        return
    typer.echo(shown, err=True)
    with _bar("prompt") as report:
        made = study.evaluate(
            _engine(model, prefix, prompt_format), planned, out, on_progress=report,
            on_start=lambda what, known, total: report(f"{what}, {known} known", known, total),
        )
    _print(made, as_json, show.outcome(made))


@index_app.command("build")
def index_build(
    observed: Annotated[
        Path | None, typer.Option(help="Collection file; by default the shipped observed one.")
    ] = None,
    task_files: TaskFiles = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Reads the observed instructions and saves the index of the model and of each prefix."""
    known = instructions.read(observed) if observed else instructions.builtin(instructions.OBSERVED)
    engine = _engine(model, prefix, prompt_format)
    with _bar("task") as report:
        cards = upkeep.build(engine, indexes, known, _tasks(task_files), report=report)
    _print(cards, as_json, show.cards(cards))


@index_app.command("add")
def index_add(
    collection: Annotated[Path, typer.Argument(help="Collection file of observed instructions.")],
    task_files: TaskFiles = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Puts observed instructions into a saved index: only they are read and measured."""
    engine = _engine(model, prefix, prompt_format)
    new = instructions.read(collection)
    with _bar("task") as report:
        cards = upkeep.add(engine, indexes, new, _tasks(task_files), report=report)
    typer.echo(show.RECALIBRATE, err=True)
    _print(cards, as_json, show.cards(cards))


@index_app.command("remove")
def index_remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of instructions.")],
    task_files: TaskFiles = None,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Takes observed instructions out of a saved index."""
    engine = _engine(model, prefix, prompt_format)
    with _bar("task") as report:
        cards = upkeep.remove(engine, indexes, ids, _tasks(task_files), report=report)
    typer.echo(show.RECALIBRATE, err=True)
    _print(cards, as_json, show.cards(cards))


@index_app.command("info")
def index_info(
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """What the index of the model and of each prefix holds, and how good its calibration is."""
    cards = upkeep.info(_engine(model, prefix, prompt_format), indexes)
    _print(cards, as_json, show.cards(cards))


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help=f"The format: {', '.join(sources.SOURCES)}.")],
    path: Annotated[Path, typer.Argument(help="A file of the format, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="Collection file to write, JSON lines.")],
    task_type: Annotated[
        str | None, typer.Option(help="qa, mc or bc for all entries; by default inferred.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Takes instructions from a public collection; what is left out is named with its reason."""
    made = sources.take(source, path, out, task_type)
    _print(made, as_json, show.imported(made))


@app.command()
def calibrate(
    unobserved: Annotated[
        Path | None,
        typer.Option(help="Collection file; by default the shipped unobserved-development one."),
    ] = None,
    task_files: TaskFiles = None,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99)] = 0.9,
    seed: int = 0,
    held_out: Annotated[
        bool,
        typer.Option(
            "--held-out",
            help="Fit nothing: compare the calibration with unobserved-test, or the given file.",
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    indexes: Indexes = paths.INDEXES,
    as_json: Json = False,
) -> None:
    """Measures unobserved instructions and fits the predictor of the model and of each prefix."""
    shipped = (
        instructions.UNOBSERVED_TEST if held_out else instructions.UNOBSERVED_DEVELOPMENT
    )
    pool = instructions.read(unobserved) if unobserved else instructions.builtin(shipped)
    engine = _engine(model, prefix, prompt_format)
    if held_out:
        with _bar("instruction") as report:
            made = upkeep.held_out(engine, indexes, pool, _tasks(task_files), report=report)
        _print(made, as_json, show.held_out(made))
        return
    with _bar("instruction") as report:
        cards = upkeep.calibrate(
            engine, indexes, pool, _tasks(task_files), coverage=coverage, seed=seed, report=report
        )
    _print(cards, as_json, show.cards(cards))


@app.command()
def align(
    out: Annotated[Path, typer.Option(help="Folder of the result; its name is the prefix's.")],
    method: Annotated[str, typer.Option(help="pt+kl, pt, ft+kl or ft.")] = "pt+kl",
    steps: Annotated[int, typer.Option(help="Updates at the most.")] = 1000,
    virtual_tokens: Annotated[int, typer.Option(help="Rows of the prefix.")] = 20,
    lambda_: Annotated[float, typer.Option("--lambda", help="Weight of the divergence.")] = 0.8,
    seed: int = 1,
    model: Model = DEFAULT_MODEL,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains a prefix (or all weights) so that paraphrases answer like their reference."""
    settings = AlignRecipe(
        out=out, method=method, steps=steps, virtual_tokens=virtual_tokens, lambda_=lambda_,
        seed=seed,
    )
    with _bar("step") as report:
        folder = alignment.train(
            settings, model=Path(model), nltk_data=_corpora(data),
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    _print({"aligned": folder}, as_json, f"trained: {folder}")


@backbone_app.command("train")
def backbone_train(
    preset: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = paths.BACKBONE,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains the embedded backbone from scratch; a killed training goes on where it stopped."""
    with _bar("step") as report:
        def on_progress(made: backbone.Progress) -> None:
            report(f"loss {made.loss:.3f}", made.step, made.steps)
            tqdm.write(show.training(made), file=sys.stderr)

        folder = backbone.train(
            recipe.load(preset), out, nltk_data=_corpora(data), on_progress=on_progress
        )
    _print({"backbone": folder}, as_json, f"trained: {folder}")


@backbone_app.command("card")
def backbone_card(
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone, and what alignment gains, by set of instructions; writes its card."""
    with _bar("task") as report:
        card = upkeep.describe_backbone(
            _engine(model, None, prompt_format), Path(model), _corpora(data), report=report
        )
    _print(card, as_json, f"written: {Path(model) / 'CARD.md'}")


def _published(name: str) -> None:
    """Adds the command of one published table."""

    @published_app.command(name, help=f"{name} of the published study.")
    def show_table(
        results: Annotated[
            Path, typer.Option(help="Accuracies in the shipped layout.")
        ] = published.SHIPPED,
        seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
        draws: Annotated[int, typer.Option(min=100, help="Bootstrap samples.")] = published.DRAWS,
        as_json: Json = False,
    ) -> None:
        made = published.table(name, results=results, seed=seed, draws=draws)
        _print(made, as_json, published.as_text(made))


for _name in published.NAMES:
    _published(_name)


@published_app.command("build")
def published_build(
    folder: Annotated[Path, typer.Argument(help="InstructionEval's folder with result_csv.")],
    out: Annotated[Path, typer.Option(help="Where to write.")] = published.SHIPPED,
    as_json: Json = False,
) -> None:
    """Makes the shipped file of accuracies again from the released folder."""
    written = published.build(folder, out)
    _print({"accuracy": written}, as_json, f"written: {written}")


def _corpora(data: Path | None) -> Path | None:
    return None if data is None else data / "nltk_data"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; what a user can fix is one line on stderr and exit status 2."""
    try:
        app(args=cluster.with_address(sys.argv[1:] if arguments is None else arguments))
    except RobustnessError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
