"""The command align."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    Collections,
    Data,
    Format,
    Json,
    Model,
    TaskSources,
    corpora_of,
    with_loading,
)
from robustness.models.load_options import PLAIN, Loading, PromptFormat


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
    settings = library.align_recipe.AlignRecipe(
        out=out, method=method, steps=steps, virtual_tokens=virtual_tokens, lambda_=lambda_,
        learning_rate=learning_rate, weight_decay=weight_decay, instances=instances,
        paraphrases=group, rows_per_pass=rows_per_pass,
        gradient_checkpointing=gradient_checkpointing, seed=seed,
    )
    known = library.open.collections_of(observed) if observed else None
    others = library.open.collections_of(paraphrases) if paraphrases else None
    examples, sets = None, library.alignment_data.Collections(observed=known, paraphrases=others)
    if task_sources is not None:
        examples, sets = library.user_tasks.gather(
            library.open.labelled_tasks(task_sources), observed=known, paraphrases=others, seed=seed
        )
    with output.progress("step") as report:
        folder = library.alignment.train(
            settings, model=model, nltk_data=corpora_of(data), examples=examples,
            collections=sets, prompt_format=prompt_format, loading=loading,
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    output.emit({"aligned": folder}, as_json, f"trained: {folder}")
