"""The command ablation."""

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
    listed,
    numbers,
    with_loading,
)
from robustness.data import defaults
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def ablation(
    out: Annotated[Path, typer.Option(help="Folder of the summary and of each run.")],
    methods: Annotated[
        str, typer.Option(help="Methods as in align --method, separated by commas.")
    ] = "ft,ft+kl,pt,pt+kl,deep+kl,lora+kl",
    seeds: Annotated[str, typer.Option(help="Random seeds, separated by commas.")] = "1,2,3",
    steps: Annotated[int, typer.Option(help="Most updates of each run.")] = 1000,
    inputs: Annotated[int, typer.Option(help="Labelled inputs per task for the evaluation.")] = 64,
    free: Annotated[
        int, typer.Option(help="Number of them that are also answered by generated text.")
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
        bool, typer.Option("--held-out", help="Also use unobserved-test; the log records it.")
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
    """Compares methods of alignment, each trained on the same data; resumes if interrupted.

    Collections are files or names of shipped ones; by default the shipped ones are used. The best
    update is selected on --development; --test is used only with --held-out.
    """
    plan = library.ablation_methods.Ablation(
        out=out, methods=listed(methods), seeds=numbers(seeds, "--seeds"), steps=steps,
        inputs=inputs, free=free, held_out=held_out, keep_weights=keep_weights,
        rates=library.ablation_plan.rates_of(rates or ()),
        sizes=library.ablation_plan.sizes_of(settings or ()),
    )
    named = {
        defaults.OBSERVED: observed, defaults.PARAPHRASES: paraphrases,
        defaults.UNOBSERVED_DEVELOPMENT: development, defaults.UNOBSERVED_TEST: test,
    }
    sets = {name: library.sets.collections_of(given) for name, given in named.items() if given}
    subject = library.subjects.gather(
        model, chosen=library.sets.labelled_tasks(task_sources) if task_sources else None,
        sets=sets,
        nltk_data=corpora_of(data), prompt_format=prompt_format,
    )
    asked_before = (out / library.ablation_methods.HELD_OUT_FILE).is_file()
    if held_out and test is None and not asked_before:
        library.looks.note(
            model, [library.papers.model_id(model)],
            f"ablation: {methods}, seeds {seeds}, once each",
        )
    with output.progress("step") as report:
        made = library.ablation_methods.run(plan, subject, loading=loading, on_progress=report)
    output.emit(made, as_json, (out / "summary.md").read_text(encoding="utf-8"))
