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
    out: Annotated[Path, typer.Option(help="Folder of the result; its name is the adapter's.")],
    method: Annotated[
        str, typer.Option(help="pt+kl, deep+kl, lora+kl or ft+kl, or any without +kl.")
    ] = "pt+kl",
    steps: Annotated[int, typer.Option(help="Most updates.")] = 1000,
    virtual_tokens: Annotated[int, typer.Option(help="Virtual tokens of the prefix.")] = 20,
    lambda_: Annotated[float, typer.Option("--lambda", help="Weight of the KL divergence.")] = 0.8,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=0.0, help="Peak; by default 1e-3 for an adapter, 3e-4 for all weights."),
    ] = None,
    weight_decay: Annotated[float, typer.Option(min=0.0, help="Weight decay of AdamW.")] = 0.0,
    instances: Annotated[int, typer.Option(help="Inputs per update.")] = 4,
    group: Annotated[
        int, typer.Option(help="Paraphrases per input in an update, besides its reference.")
    ] = 4,
    rows_per_pass: Annotated[int, typer.Option(help="Prompts in one forward pass.")] = 32,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Use less memory and more time.")
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
    """Trains an adapter (or all weights) so that a paraphrase gives the answers of its reference.

    By default, the shipped observed instructions, paraphrases and labelled inputs are used. For
    tasks given by --tasks, the training inputs are those of the split train, or of dev if there are
    none; their paraphrases are generated unless a file is given.
    """
    settings = library.align_recipe.AlignRecipe(
        out=out, method=method, steps=steps, virtual_tokens=virtual_tokens, lambda_=lambda_,
        learning_rate=learning_rate, weight_decay=weight_decay, instances=instances,
        paraphrases=group, rows_per_pass=rows_per_pass,
        gradient_checkpointing=gradient_checkpointing, seed=seed,
    )
    known = library.sets.collections_of(observed) if observed else None
    others = library.sets.collections_of(paraphrases) if paraphrases else None
    examples, sets = None, library.alignment_data.Collections(observed=known, paraphrases=others)
    if task_sources is not None:
        examples, sets = library.user_tasks.gather(
            library.sets.labelled_tasks(task_sources), observed=known, paraphrases=others, seed=seed
        )
    with output.progress("step") as report:
        folder = library.alignment.train(
            settings, model=model, nltk_data=corpora_of(data), examples=examples,
            collections=sets, prompt_format=prompt_format, loading=loading,
            on_progress=lambda p: report(f"loss {p.loss:.3f}", p.step, p.steps),
        )
    output.emit({"aligned": folder}, as_json, f"trained: {folder}")
