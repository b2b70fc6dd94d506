"""Commands that train: align, ablation, backbone train; and backbone card.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from robustness import paths, show, upkeep
from robustness.ablation import Ablation, subjects
from robustness.ablation import run as compare
from robustness.alignment import train as alignment
from robustness.alignment.recipe import AlignRecipe
from robustness.backbone import recipe
from robustness.backbone import train as backbone
from robustness.cli.options import (
    DEFAULT_MODEL,
    Data,
    Format,
    Json,
    Model,
    TaskFiles,
    corpora_of,
    emit,
    engine_of,
    listed,
    numbers,
    progress,
)
from robustness.formats import PromptFormat

app = typer.Typer()
backbone_app = typer.Typer(no_args_is_help=True, help="How the embedded backbone is made.")
app.add_typer(backbone_app, name="backbone")


@app.command()
def align(
    out: Annotated[Path, typer.Option(help="Folder of the result; its name is the prefix's.")],
    method: Annotated[
        str, typer.Option(help="pt+kl, deep+kl, lora+kl or ft+kl, or any without +kl.")
    ] = "pt+kl",
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
    with progress("step") as report:
        folder = alignment.train(
            settings, model=Path(model), nltk_data=corpora_of(data),
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    emit({"aligned": folder}, as_json, f"trained: {folder}")


@app.command()
def ablation(
    out: Annotated[Path, typer.Option(help="Folder of the summary and of each run.")],
    methods: Annotated[
        str, typer.Option(help="Comma-separated: what is trained, see align --method.")
    ] = "ft,ft+kl,pt,pt+kl,deep+kl,lora+kl",
    seeds: Annotated[str, typer.Option(help="Comma-separated.")] = "1,2,3",
    steps: Annotated[int, typer.Option(help="Updates of each run at the most.")] = 1000,
    inputs: Annotated[int, typer.Option(help="Labelled inputs a task to measure on.")] = 64,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Ask unobserved-test too; that it was is recorded.")
    ] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep what ft and ft+kl trained.")
    ] = False,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    task_files: TaskFiles = None,
    instruction_files: Annotated[
        list[Path] | None,
        typer.Option("--instructions", help="JSONL files, instead of the shipped collections."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Compares methods of alignment, each trained on the same data; a killed one goes on."""
    plan = Ablation(
        out=out, methods=listed(methods), seeds=numbers(seeds), steps=steps, inputs=inputs,
        held_out=held_out, keep_weights=keep_weights,
    )
    subject = subjects.gather(
        model, task_files=task_files, instruction_files=instruction_files,
        nltk_data=corpora_of(data), prompt_format=prompt_format,
    )
    with progress("step") as report:
        made = compare(plan, subject, on_progress=report)
    emit(made, as_json, (out / "summary.md").read_text(encoding="utf-8"))


@backbone_app.command("train")
def backbone_train(
    preset: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the result.")] = paths.BACKBONE,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains the embedded backbone from scratch; a killed training goes on where it stopped."""
    with progress("step") as report:
        def on_progress(made: backbone.Progress) -> None:
            report(f"loss {made.loss:.3f}", made.step, made.steps)
            tqdm.write(show.training(made), file=sys.stderr)

        folder = backbone.train(
            recipe.load(preset), out, nltk_data=corpora_of(data), on_progress=on_progress
        )
    emit({"backbone": folder}, as_json, f"trained: {folder}")


@backbone_app.command("card")
def backbone_card(
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone, and what alignment gains, by set of instructions; writes its card."""
    with progress("task") as report:
        card = upkeep.describe_backbone(
            engine_of(model, None, prompt_format), Path(model), corpora_of(data), report=report
        )
    emit(card, as_json, f"written: {Path(model) / 'CARD.md'}")
