"""Commands that train: align, backbone train; and backbone card.

Refuses to compute: each command parses, makes one call into the library, and shows.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from robustness import instructions, paths, show, upkeep
from robustness.alignment import own
from robustness.alignment import train as alignment
from robustness.alignment.data import Collections
from robustness.alignment.recipe import AlignRecipe
from robustness.backbone import recipe
from robustness.backbone import train as backbone
from robustness.cli.options import (
    DEFAULT_MODEL,
    Data,
    Format,
    Json,
    Model,
    corpora_of,
    emit,
    engine_of,
    progress,
    tasks_of,
    with_loading,
)
from robustness.formats import PromptFormat
from robustness.loading import PLAIN, Loading

app = typer.Typer()
backbone_app = typer.Typer(no_args_is_help=True, help="How the embedded backbone is made.")
app.add_typer(backbone_app, name="backbone")


@app.command()
@with_loading
def align(
    out: Annotated[Path, typer.Option(help="Folder of the result; its name is the prefix's.")],
    method: Annotated[str, typer.Option(help="pt+kl, pt, ft+kl or ft.")] = "pt+kl",
    steps: Annotated[int, typer.Option(help="Updates at the most.")] = 1000,
    virtual_tokens: Annotated[int, typer.Option(help="Rows of the prefix.")] = 20,
    lambda_: Annotated[float, typer.Option("--lambda", help="Weight of the divergence.")] = 0.8,
    seed: int = 1,
    task_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--tasks",
            help="Task files to train on, by their inputs of the split train or dev; by default "
            "what the embedded backbone was trained on.",
        ),
    ] = None,
    observed: Annotated[
        Path | None, typer.Option(help="Collection file; by default the shipped observed one.")
    ] = None,
    paraphrases: Annotated[
        Path | None,
        typer.Option(help="Collection file; by default the shipped one, or with --tasks made."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Trains a prefix (or all weights) so that paraphrases answer like their reference."""
    settings = AlignRecipe(
        out=out, method=method, steps=steps, virtual_tokens=virtual_tokens, lambda_=lambda_,
        seed=seed,
    )
    known = None if observed is None else instructions.read(observed)
    others = None if paraphrases is None else instructions.read(paraphrases)
    examples, collections = None, Collections(observed=known, paraphrases=others)
    if task_files:
        if known is None:
            known = instructions.builtin(instructions.OBSERVED)
        examples, collections = own.gather(
            tasks_of(task_files), observed=known, paraphrases=others, seed=seed
        )
    with progress("step") as report:
        folder = alignment.train(
            settings, model=model, nltk_data=corpora_of(data), examples=examples,
            collections=collections, prompt_format=prompt_format, loading=loading,
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    emit({"aligned": folder}, as_json, f"trained: {folder}")


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
@with_loading
def backbone_card(
    model: Model = DEFAULT_MODEL,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Measures the backbone, and what alignment gains, by set of instructions; writes its card."""
    with progress("task") as report:
        card = upkeep.describe_backbone(
            engine_of(model, None, prompt_format, loading), Path(model), corpora_of(data),
            report=report,
        )
    emit(card, as_json, f"written: {Path(model) / 'CARD.md'}")
