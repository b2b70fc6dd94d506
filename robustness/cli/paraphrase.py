"""The command paraphrase."""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    Collections,
    Json,
    ParaphraserKey,
    ParaphraserModel,
    ParaphraserUrl,
    TaskName,
    TaskSources,
)
from robustness.errors import InputError
from robustness.paraphrasing import defaults


def paraphrase(
    collections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COLLECTION]...", help="Collection files or shipped names."),
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option(help="Collection file to write; its report is written next to it.")
    ],
    text: Annotated[
        str | None, typer.Option(help="One further instruction, for the task of --task.")
    ] = None,
    task: TaskName = None,
    task_sources: TaskSources = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most paraphrases of each instruction; by default "
            f"{defaults.PER_INSTRUCTION}, and of a language model all that pass the checks.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the rule-based paraphraser.")] = 0,
    paraphraser_url: ParaphraserUrl = None,
    paraphraser_model: ParaphraserModel = "",
    paraphraser_key: ParaphraserKey = "",
    candidates: Annotated[
        int, typer.Option(min=1, help="Replies of the language model to each of three prompts.")
    ] = defaults.CANDIDATES,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Sampling temperature of the language model; 0: greedy.")
    ] = defaults.TEMPERATURE,
    cache: Annotated[
        Path | None,
        typer.Option(help="File that stores its replies; by default next to the collection file."),
    ] = None,
    price_prompt: Annotated[
        float | None, typer.Option(min=0.0, help="Price of a million prompt tokens.")
    ] = None,
    price_completion: Annotated[
        float | None, typer.Option(min=0.0, help="Price of a million completion tokens.")
    ] = None,
    nli: Annotated[
        str | None,
        typer.Option(
            help="NLI model that must find entailment both ways: a folder or a hub name."
        ),
    ] = None,
    nli_threshold: Annotated[
        float, typer.Option(help="Least probability of entailment.")
    ] = defaults.ENTAILMENT_THRESHOLD,
    apart_from: Collections = None,
    observed: Annotated[
        bool, typer.Option("--observed", help="Mark the paraphrases as observed, for an index.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    as_json: Json = False,
) -> None:
    """Paraphrases instructions, by rules or by a language model; lists what the checks reject."""
    named = library.sets.collections_of(collections)
    sources = library.pipeline.checked([*named, *_typed(text, task)])
    maker: library.pipeline.RuleBased | library.pipeline.ModelBased = library.pipeline.RuleBased(
        seed, count or defaults.PER_INSTRUCTION
    )
    if paraphraser_url is not None:
        kept = library.result_cache.Journal(cache or out.with_suffix(".replies.jsonl"), resume=True)
        endpoint = library.llm_paraphraser.connect(
            url=paraphraser_url, model=paraphraser_model, key=paraphraser_key,
            temperature=temperature, journal=kept,
        )
        maker = library.pipeline.ModelBased(endpoint, candidates, count)
    planned = library.pipeline.plan(sources, maker)
    if dry_run:
        output.emit(planned, as_json, library.render_paraphrases.rewriting(planned))
        return
    typer.echo(library.render_paraphrases.rewriting(planned), err=True)
    spaces = {t.id: t.options for t in library.sets.labelled_tasks(task_sources) if t.options}
    if task is not None:
        spaces[library.tasks.find(task).id] = library.tasks.find(task).options
    judge = (
        library.entailment.Entailment(nli, threshold=nli_threshold) if nli is not None else None
    )
    with output.progress("instruction") as report:
        made = library.pipeline.write(
            sources, maker, out, answer_spaces=spaces,
            apart=library.pipeline.kept_apart(library.sets.collections_of(apart_from)),
            entails=judge, observed=observed, prices=_prices(price_prompt, price_completion),
            on_progress=report,
        )
    output.emit(made, as_json, library.render_paraphrases.rewritten(made))


def _typed(text: str | None, task: str | None) -> "list[library.types.Instruction]":
    if text is None:
        return []
    if task is None:
        raise InputError("--text needs --task: paraphrases belong to a task")
    found = library.tasks.find(task)
    return [library.user_instruction.instruction(text, found.task_type, found.id)]


def _prices(prompt: float | None, completion: float | None) -> "library.token_cost.Prices | None":
    if prompt is None and completion is None:
        return None
    return library.token_cost.Prices(prompt=prompt or 0.0, completion=completion or 0.0)
