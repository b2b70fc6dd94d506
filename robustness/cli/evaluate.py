"""The command evaluate."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from robustness.cli import library, output
from robustness.cli.options import (
    DEFAULT_MODEL,
    BigBenchField,
    Format,
    Json,
    Model,
    Prefixes,
    with_loading,
)
from robustness.data import defaults
from robustness.errors import InputError
from robustness.evaluation.defaults import AGAIN, INPUTS
from robustness.models.load_options import PLAIN, Loading, PromptFormat


@with_loading
def evaluate(
    task_names: Annotated[
        list[str],
        typer.Option(
            "--tasks",
            help="Built-in names (`builtin`: all), task files, labelled tables, MMLU folders, "
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
    out: Annotated[Path, typer.Option(help="Folder of the results; an existing one is resumed.")],
    shots: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Solved examples in a prompt, besides zero-shot; repeatable."),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, help="Number of draws of solved examples and their order.")
    ] = 1,
    limit: Annotated[
        int, typer.Option(min=0, help="Most labelled inputs per task; 0: all.")
    ] = INPUTS,
    free: Annotated[
        bool, typer.Option("--free", help="Also generate answers, and count the unparsed ones.")
    ] = False,
    posix: Annotated[
        bool, typer.Option(help="Also score the label words of other instructions, for POSIX.")
    ] = True,
    altered: Annotated[
        bool,
        typer.Option(
            "--alterations", help="Also evaluate perturbations of observed instructions (Fig. 3)."
        ),
    ] = False,
    surface: Annotated[
        str | None,
        typer.Option(
            "--perturbations", metavar="[NAMES]",
            help="Also evaluate surface perturbations (typos, casing, ...): families or rules, "
            "separated by commas; all without NAMES.",
        ),
    ] = None,
    effects: Annotated[
        bool,
        typer.Option(
            "--effects",
            help="Also measure the effect of the options' order, and of a prior for labels.",
        ),
    ] = False,
    again: Annotated[
        int,
        typer.Option(
            min=0, help="Prompts of a model that are asked again for the noise floor; 0: none."
        ),
    ] = AGAIN,
    same_as: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the same evaluation on another engine or number type, whose changed "
            "answers enter the noise floor."
        ),
    ] = None,
    field: BigBenchField = defaults.BIG_BENCH_FIELD,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan only.")] = False,
    seed: int = 0,
    model: Model = DEFAULT_MODEL,
    prefix: Prefixes = None,
    prompt_format: Format = PromptFormat.AUTO,
    loading: Loading = PLAIN,
    as_json: Json = False,
) -> None:
    """Evaluates models under instructions on tasks: accuracy, statistics, tables and a report."""
    prefix = library.open.default_prefix(model) if prefix is None else prefix
    planned = library.study.plan_of(
        task_names, collections, field=field,
        recipe=library.study.Recipe(
            shots=tuple(shots or ()), draws=draws, limit=limit or None, free=free, posix=posix,
            effects=effects, again=again, seed=seed,
        ),
    )
    beside = _altered(planned) if altered else None
    changed = None if surface is None else library.study.surface_plan(
        planned, library.surface.chosen([n.strip() for n in surface.split(",")])
    )
    models = 1 + len(library.open.folders_of(prefix, model))
    shown = library.render_evaluation.plan(planned, models=models)
    if beside is not None:
        shown += f"\nAltered instructions besides: {beside.calls(models)} prompts"
    if changed is not None:
        shown += f"\nSurface perturbations besides: {changed.calls(models)} prompts"
    if again:
        shown += f"\nAsked again for the noise floor: about {2 * again} prompts a model"
    if dry_run:
        output.emit(planned.summary(models), as_json, shown)
        return
    typer.echo(shown, err=True)
    with output.progress("prompt") as report:
        made = library.study.evaluate(
            library.open.engine_of(model, prefix, prompt_format, loading), planned, out,
            altered=beside, perturbations=changed, same_as=same_as, on_progress=report,
            on_start=lambda what, known, total: report(f"{what}, {known} known", known, total),
        )
    output.emit(made, as_json, library.render_evaluation.outcome(made))


def _altered(planned: "library.study.Plan") -> "library.study.Plan":
    """Alterations of the observed instructions of a plan, on the same inputs, zero-shot."""
    parts = {p.task.id: p for p in planned.parts}
    known = {i.id: i for p in parts.values() for i in p.instructions}
    made = library.perturbations.of_tasks(
        [p.task for p in parts.values()], list(known.values()), seed=planned.recipe.seed
    )
    if not made:
        raise InputError(
            "--alterations changes observed instructions, and no task has one; add a collection "
            "with observed instructions"
        )
    recipe = replace(planned.recipe, shots=(), free=False, posix=False, effects=False)
    return library.study.plan([p.task for p in parts.values()], made, recipe)
