"""The command paraphrase.

Refuses to compute: it parses, makes one call into the library, and shows.
"""

from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import render
from robustness.cli.options import (
    Collections,
    Json,
    ParaphraserKey,
    ParaphraserModel,
    ParaphraserUrl,
    TaskName,
    TaskSources,
    collections_of,
    emit,
    labelled_tasks,
    progress,
)
from robustness.data import tasks, user_instruction
from robustness.errors import InputError
from robustness.paraphrasing import entailment, llm_paraphraser, pipeline
from robustness.paraphrasing.entailment import Entailment
from robustness.paraphrasing.rule_based import PER_INSTRUCTION
from robustness.paraphrasing.token_cost import Prices
from robustness.storage.result_cache import Journal
from robustness.types import Instruction

app = typer.Typer()


@app.command()
def paraphrase(
    collections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COLLECTION]...", help="Collection files or shipped names."),
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option(help="Collection file to write; its report is written beside it.")
    ],
    text: Annotated[
        str | None, typer.Option(help="One instruction more, of the task that --task names.")
    ] = None,
    task: TaskName = None,
    task_sources: TaskSources = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Paraphrases of each instruction at the most; by default "
            f"{PER_INSTRUCTION}, and all that pass of a served model.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the offline paraphraser.")] = 0,
    paraphraser_url: ParaphraserUrl = None,
    paraphraser_model: ParaphraserModel = "",
    paraphraser_key: ParaphraserKey = "",
    candidates: Annotated[
        int, typer.Option(min=1, help="Replies of the served model to each of three prompts.")
    ] = llm_paraphraser.CANDIDATES,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Of the served model; 0: greedy.")
    ] = llm_paraphraser.TEMPERATURE,
    cache: Annotated[
        Path | None,
        typer.Option(help="File that keeps its replies; by default beside the collection file."),
    ] = None,
    price_prompt: Annotated[
        float | None, typer.Option(min=0.0, help="Money a million prompt tokens.")
    ] = None,
    price_completion: Annotated[
        float | None, typer.Option(min=0.0, help="Money a million completion tokens.")
    ] = None,
    nli: Annotated[
        str | None,
        typer.Option(
            help="NLI model that must see the same meaning both ways: a folder or a hub name."
        ),
    ] = None,
    nli_threshold: Annotated[
        float, typer.Option(help="Probability of entailment that is wanted.")
    ] = entailment.THRESHOLD,
    apart_from: Collections = None,
    observed: Annotated[
        bool, typer.Option("--observed", help="Mark them as observed, for an index.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    as_json: Json = False,
) -> None:
    """Paraphrases instructions, offline or by a served model; what does not pass is listed."""
    sources = pipeline.checked([*collections_of(collections), *_typed(text, task)])
    maker: pipeline.RuleBased | pipeline.ModelBased = pipeline.RuleBased(
        seed, count or PER_INSTRUCTION
    )
    if paraphraser_url is not None:
        kept = Journal(cache or out.with_suffix(".replies.jsonl"), resume=True)
        endpoint = llm_paraphraser.connect(
            url=paraphraser_url, model=paraphraser_model, key=paraphraser_key,
            temperature=temperature, journal=kept,
        )
        maker = pipeline.ModelBased(endpoint, candidates, count)
    planned = pipeline.plan(sources, maker)
    if dry_run:
        emit(planned, as_json, render.rewriting(planned))
        return
    typer.echo(render.rewriting(planned), err=True)
    spaces = {t.id: t.options for t in labelled_tasks(task_sources) if t.options}
    if task is not None:
        spaces[tasks.find(task).id] = tasks.find(task).options
    judge = Entailment(nli, threshold=nli_threshold) if nli is not None else None
    with progress("instruction") as report:
        made = pipeline.write(
            sources, maker, out, answer_spaces=spaces,
            apart=pipeline.kept_apart(collections_of(apart_from)), entails=judge,
            observed=observed, prices=_prices(price_prompt, price_completion),
            on_progress=report,
        )
    emit(made, as_json, render.rewritten(made))


def _typed(text: str | None, task: str | None) -> list[Instruction]:
    if text is None:
        return []
    if task is None:
        raise InputError("--text needs --task: paraphrases belong to a task")
    found = tasks.find(task)
    return [user_instruction.instruction(text, found.task_type, found.id)]


def _prices(prompt: float | None, completion: float | None) -> Prices | None:
    if prompt is None and completion is None:
        return None
    return Prices(prompt=prompt or 0.0, completion=completion or 0.0)
