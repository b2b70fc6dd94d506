"""Commands that train: align, ablation, backbone train; and backbone card.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from robustness import paths
from robustness.cli import render
from robustness.cli.options import (
    DEFAULT_MODEL,
    Collections,
    Data,
    Format,
    Json,
    Model,
    TaskSources,
    collections_of,
    corpora_of,
    emit,
    engine_of,
    labelled_tasks,
    listed,
    numbers,
    progress,
    with_loading,
)
from robustness.data import instructions, test_set_log
from robustness.models import checkpoint
from robustness.models.chat_formats import PromptFormat
from robustness.models.load_options import PLAIN, Loading
from robustness.training.ablation import HELD_OUT_FILE, Ablation, subjects
from robustness.training.ablation import run as compare
from robustness.training.ablation.plan import rates_of, sizes_of
from robustness.training.alignment import data as alignment_data
from robustness.training.alignment import train as alignment
from robustness.training.alignment import user_tasks
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.backbone import quality, recipe
from robustness.training.backbone import train as backbone

app = typer.Typer()
backbone_app = typer.Typer(no_args_is_help=True, help="How the embedded backbone is made.")
app.add_typer(backbone_app, name="backbone")


@app.command()
@with_loading
def align(
    out: Annotated[Path, typer.Option(help="Folder of the result; its name is the prefix's.")],
    method: Annotated[
        str, typer.Option(help="pt+kl, deep+kl, lora+kl or ft+kl, or any without +kl.")
    ] = "pt+kl",
    steps: Annotated[int, typer.Option(help="Updates at the most.")] = 1000,
    virtual_tokens: Annotated[int, typer.Option(help="Rows of the prefix.")] = 20,
    lambda_: Annotated[float, typer.Option("--lambda", help="Weight of the divergence.")] = 0.8,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=0.0, help="Peak; by default 1e-3 for a prefix, 3e-4 for all weights."),
    ] = None,
    weight_decay: Annotated[float, typer.Option(min=0.0, help="AdamW's.")] = 0.0,
    instances: Annotated[int, typer.Option(help="Inputs an update.")] = 4,
    group: Annotated[
        int, typer.Option(help="Paraphrases of each input in an update, beside its reference.")
    ] = 4,
    rows_per_pass: Annotated[int, typer.Option(help="Prompts in one pass.")] = 32,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, more time.")
    ] = False,
    observed: Collections = None,
    paraphrases: Collections = None,
    task_sources: TaskSources = None,
    seed: int = 1,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains a prefix (or all weights) so that paraphrases answer like their reference.

    Observed instructions, paraphrases and labelled inputs are the shipped ones where none are
    named. Of tasks that are named, the inputs of the split train are trained on, or those of the
    split dev where there are none, and their paraphrases are made where no file is named.
    """
    settings = AlignRecipe(
        out=out, method=method, steps=steps, virtual_tokens=virtual_tokens, lambda_=lambda_,
        learning_rate=learning_rate, weight_decay=weight_decay, instances=instances,
        paraphrases=group, rows_per_pass=rows_per_pass,
        gradient_checkpointing=gradient_checkpointing, seed=seed,
    )
    known = collections_of(observed) if observed else None
    others = collections_of(paraphrases) if paraphrases else None
    examples, sets = None, alignment_data.Collections(observed=known, paraphrases=others)
    if task_sources is not None:
        examples, sets = user_tasks.gather(
            labelled_tasks(task_sources), observed=known, paraphrases=others, seed=seed
        )
    with progress("step") as report:
        folder = alignment.train(
            settings, model=model, nltk_data=corpora_of(data), examples=examples,
            collections=sets, prompt_format=prompt_format, loading=loading,
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    emit({"aligned": folder}, as_json, f"trained: {folder}")


@app.command()
@with_loading
def ablation(
    out: Annotated[Path, typer.Option(help="Folder of the summary and of each run.")],
    methods: Annotated[
        str, typer.Option(help="Comma-separated: what is trained, see align --method.")
    ] = "ft,ft+kl,pt,pt+kl,deep+kl,lora+kl",
    seeds: Annotated[str, typer.Option(help="Comma-separated.")] = "1,2,3",
    steps: Annotated[int, typer.Option(help="Updates of each run at the most.")] = 1000,
    inputs: Annotated[int, typer.Option(help="Labelled inputs a task to measure on.")] = 64,
    free: Annotated[
        int, typer.Option(help="How many of them are answered in the model's own words as well.")
    ] = 8,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of every run's recipe: virtual_tokens=8."),
    ] = None,
    rates: Annotated[
        list[str] | None,
        typer.Option("--rate", help="METHOD=VALUE, peak learning rate of pt, deep, lora or ft."),
    ] = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Ask unobserved-test too; that it was is recorded.")
    ] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep what ft and ft+kl trained.")
    ] = False,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    task_sources: TaskSources = None,
    observed: Collections = None,
    paraphrases: Collections = None,
    development: Collections = None,
    test: Collections = None,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compares methods of alignment, each trained on the same data; a killed one goes on.

    Collections are files or shipped names; where none is named, the shipped ones are taken. Updates
    are selected on --development; --test is asked with --held-out alone.
    """
    plan = Ablation(
        out=out, methods=listed(methods), seeds=numbers(seeds, "--seeds"), steps=steps,
        inputs=inputs, free=free, held_out=held_out, keep_weights=keep_weights,
        rates=rates_of(rates or ()), sizes=sizes_of(settings or ()),
    )
    named = {
        instructions.OBSERVED: observed, instructions.PARAPHRASES: paraphrases,
        instructions.UNOBSERVED_DEVELOPMENT: development, instructions.UNOBSERVED_TEST: test,
    }
    sets = {name: collections_of(given) for name, given in named.items() if given}
    subject = subjects.gather(
        model, chosen=labelled_tasks(task_sources) if task_sources else None,
        sets=sets,
        nltk_data=corpora_of(data), prompt_format=prompt_format,
    )
    shipped = checkpoint.model_id(model) == paths.BACKBONE_ID
    if held_out and shipped and test is None and not (out / HELD_OUT_FILE).is_file():
        test_set_log.append(
            paths.BACKBONE, paths.BACKBONE_ID, f"ablation: {methods}, seeds {seeds}, once each"
        )
    with progress("step") as report:
        made = compare(plan, subject, loading=loading, on_progress=report)
    emit(made, as_json, (out / "summary.md").read_text(encoding="utf-8"))


@backbone_app.command("train")
def backbone_train(
    preset: Annotated[str, typer.Option(help="cpu, gpu, small or ci.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = paths.BACKBONE,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE instead of the preset's, repeatable: seed=1."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop at the first checkpoint after that; the same command goes on."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains the embedded backbone from scratch; a killed training goes on where it stopped."""
    chosen = recipe.changed(recipe.load(preset), settings or ())
    with progress("step") as report:
        def on_progress(made: backbone.Progress) -> None:
            report(f"loss {made.loss:.3f}", made.step, made.steps)
            tqdm.write(render.training(made), file=sys.stderr)

        folder = backbone.train(
            chosen, out, nltk_data=corpora_of(data), on_progress=on_progress,
            seconds=None if minutes is None else 60 * minutes,
        )
    finished = (folder / "training.json").is_file() and not (folder / "checkpoint.pt").is_file()
    what = "trained" if finished else "stopped in time; the same command goes on"
    emit({"backbone": folder, "finished": finished}, as_json, f"{what}: {folder}")


@backbone_app.command("seeds")
def backbone_seeds(
    folders: Annotated[
        list[Path], typer.Argument(help="Backbones of one preset with other seeds or settings.")
    ],
    out: Annotated[Path, typer.Option(help="The backbone whose card shows it.")] = paths.BACKBONE,
    as_json: Json = False,
) -> None:
    """Measures several trainings of one recipe; `backbone card` shows them in a table."""
    with progress("task") as report:
        made = quality.compare_seeds(folders, out, report=report)
    emit(made, as_json, f"written: {out / quality.SEEDS}")


@backbone_app.command("card")
@with_loading
def backbone_card(
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Measure nothing: take in other seeds, the ablation and the ledger."
        ),
    ] = False,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone, and what alignment gains, by set of instructions; writes its card."""
    if refresh:
        emit(quality.refresh(Path(model)), as_json, f"written: {Path(model) / 'CARD.md'}")
        return
    with progress("task") as report:
        card = quality.describe(
            engine_of(model, None, prompt_format, loading), Path(model), corpora_of(data),
            report=report,
        )
    emit(card, as_json, f"written: {Path(model) / 'CARD.md'}")
