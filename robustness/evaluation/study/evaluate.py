"""Carries out a planned evaluation and writes records, summary, tables and report into a folder.

Does not plan; see `plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from robustness.errors import InputError
from robustness.evaluation.study import altered as alterations
from robustness.evaluation.study import (
    analysis,
    cells,
    compared,
    distances,
    effects,
    markdown,
    noise,
    perturbed,
    report,
    surfaces,
)
from robustness.evaluation.study.cells import Cells, Lengths
from robustness.evaluation.study.noise import Repeated
from robustness.evaluation.study.perturbed import Forms, Perturbed
from robustness.evaluation.study.plan import Plan
from robustness.evaluation.study.run import Block, Report, Run
from robustness.evaluation.study.values import EffectRow, Left, Study
from robustness.models.engine import Engine
from robustness.models.evaluator import ShouldStop
from robustness.stats.sensitivity import UNPARSED
from robustness.storage import files, provenance

SCHEMA = 1
RECORDS = "records.parquet"
SUMMARY = "summary.json"
REPORT = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Summary of an evaluation."""

    folder: str
    files: tuple[str, ...]
    """Names of the files that were written."""
    calls: int
    """Number of prompts that were run now."""
    known: int
    """Number of prompts whose results an earlier run had kept."""
    study: Study


def evaluate(
    engine: Engine,
    plan: Plan,
    out: Path,
    *,
    altered: Plan | None = None,
    perturbations: Perturbed | None = None,
    same_as: Path | None = None,
    on_start: Report | None = None,
    on_progress: Report | None = None,
    should_stop: ShouldStop | None = None,
) -> Outcome:
    """Runs the prompts of a plan whose results are not kept yet, and writes the results.

    Args:
        engine: Serves the original model first, then those that are compared with it.
        plan: The plan.
        out: Folder of the results. If it holds the results of an earlier run, that run is resumed.
        altered: A plan of altered instructions for the same tasks, zero-shot, used for Fig. 3 only.
        perturbations: Surface perturbations of the plan's instructions.
        same_as: Folder of the same evaluation on another engine or number type, whose answers
            enter the noise floor.
        on_start: Called once with (models, prompts with kept results, number of prompts).
        on_progress: Called with (what, prompts done, number of prompts).
        should_stop: Called between chunks of prompts; True cancels.

    Raises:
        CancelledError: `should_stop` returned True; the same call resumes.
        EngineError: The engine cannot answer at present; the same call resumes.
        InputError: The folder is a file, all prompts failed, or `same_as` has no records of the
            same prompts.
    """
    other = None if same_as is None else _records_of(same_as)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the results")
    run = Run(engine, plan, out)
    asked = [] if altered is None else [altered]
    asked += [effects.permuted(plan), effects.empty(plan)] if plan.recipe.effects else []
    asked += [] if perturbations is None else perturbations.plans
    beside = [Run(engine, p, out) for p in asked]
    known = sum(r.known() for r in (run, *beside))
    total = sum(r.total for r in (run, *beside))
    if on_start is not None:
        on_start(", ".join(m.id for m in run.models), known, total)
    blocks = run.read(report=on_progress, should_stop=should_stop)
    read, lost = cells.complete(blocks, _lengths(engine, blocks))
    left = (*plan.left, *lost)
    more: list[list[Cells]] = []
    for one, each in zip(asked, beside, strict=True):
        made, lost = cells.complete(each.read(report=on_progress, should_stop=should_stop), {})
        more.append(made)
        left = (*left, *one.left, *lost)
    changed = [] if altered is None else more.pop(0)
    of_surface = [] if perturbations is None else more[-len(perturbations.plans) :]
    of_effects = more[: len(more) - len(of_surface)]
    if not read:
        raise InputError(f"every prompt failed; {left[-1].name}: {left[-1].reason}")
    found = study(
        read, [m.id for m in run.models], left, plan.recipe.seed, calls=total, altered=changed,
        order_and_prior=effects.rows(read, *of_effects) if of_effects else (),
    )
    lined_up: list[Forms] = []
    if perturbations is not None:
        lined_up = perturbed.forms(perturbations, read, of_surface)
        found = _with_surfaces(found, perturbations, lined_up)
    repeated: dict[str, Repeated] = {}
    if plan.recipe.again:
        repeated = noise.ask_again(engine, plan, read, out, seed=plan.recipe.seed)
    if other is not None:
        repeated = noise.compared_with(repeated, read, other)
    found = noise.with_floors(found, read, lined_up, repeated)
    written = _write(out, found, read)
    return Outcome(
        folder=str(out), files=written, calls=total - known, known=known, study=found
    )


def _with_surfaces(found: Study, planned: Perturbed, lined_up: Sequence[Forms]) -> Study:
    first, *others = found.models
    return replace(
        found, surfaces=tuple(surfaces.rows(lined_up, planned.rules, seed=found.seed)),
        variances=tuple(surfaces.variances(lined_up, seed=found.seed)),
        places=tuple(surfaces.places(lined_up, planned.rules, first, others, seed=found.seed)),
    )


def study(
    read: Sequence[Cells], models: Sequence[str], left: Sequence[Left], seed: int, *, calls: int,
    altered: Sequence[Cells] = (), order_and_prior: Sequence[EffectRow] = (),
) -> Study:
    """Computes all statistics from the answers.

    Args:
        read: Answers of all models on all tasks under all conditions.
        models: Model ids, the original first.
        left: What was left out.
        seed: Seed of the bootstrap and of the maps.
        calls: Number of prompts.
        altered: Answers under altered instructions.
        order_and_prior: See `effects.rows`.
    """
    near = analysis.nearest_of(read)
    rows = [
        row for c in read
        for row in analysis.instruction_rows(c, near.get((c.model, c.task.id), {}), seed=seed)
    ]
    rows = compared.tested(rows, read, models[0], seed=seed)
    maps = [distances.project(c, seed=seed) for c in read if not c.condition.shots]
    return Study(
        models=tuple(models),
        tasks={c.task.id: c.task.title for c in read},
        conditions=tuple(dict.fromkeys(c.condition.label for c in read)),
        instructions=tuple(rows),
        sets=tuple(row for c in read for row in analysis.set_rows(c, seed=seed)),
        differences=tuple(compared.differences(read, models[0], models[1:], seed=seed)),
        groups=tuple(compared.groups(read, near, seed=seed)),
        lines=tuple(compared.lines(rows)),
        maps=tuple(m for m in maps if m is not None),
        alterations=tuple(alterations.rows(altered, read, near, seed=seed)),
        effects=tuple(order_and_prior),
        left=tuple(left), calls=calls, seed=seed,
        made=provenance.collect(schema=SCHEMA, seed=seed),
    )


def _lengths(engine: Engine, blocks: Sequence[Block]) -> dict[str, Lengths]:
    """Model -> token counts of all label words, including the end of text."""
    words: dict[str, dict[str, None]] = {}
    for block in blocks:
        known = words.setdefault(block.model, {})
        for some in block.part.words_of.values():
            known |= dict.fromkeys(some)
    made: dict[str, Mapping[str, int]] = {}
    for model, known in words.items():
        # Words are counted as prompts; the tokens of an empty prompt (chat format) are subtracted.
        counts = engine.count_tokens(model, ["", *known]) if known else [0]
        made[model] = {
            word: max(1, count - counts[0] + 1)
            for word, count in zip(known, counts[1:], strict=True)
        }
    return made


def records(read: Sequence[Cells]) -> pd.DataFrame:
    """One row per answer: the chosen option, the right one, and the score of each option."""
    lines = []
    for one in read:
        for i, instruction in enumerate(one.instructions):
            for n, example in enumerate(one.examples):
                line = {
                    "model": one.model, "task": one.task.id, "task_type": str(one.task.task_type),
                    "shots": one.condition.shots, "draw": one.condition.draw,
                    "instruction_id": instruction.id, "collection": instruction.collection,
                    "observed": instruction.observed, "example_id": example.id,
                    "gold": example.answer, "answer": example.options[one.chosen[i, n]],
                    "correct": bool(one.correct[i, n]), "options": list(example.options),
                    "option_logprobs": [float(s) for s in one.scores[i][n]],
                }
                if one.generated is not None and one.texts is not None:
                    code = int(one.generated[i, n])
                    line |= {
                        "generated": one.texts[i][n],
                        "generated_answer": None if code == UNPARSED else example.options[code],
                    }
                lines.append(line | {"correct_per_byte": bool(one.correct_per_byte[i, n])})
    return pd.DataFrame(lines)


def _records_of(folder: Path) -> pd.DataFrame:
    path = folder / RECORDS
    if not path.is_file():
        raise InputError(f"{path} does not exist; name the folder of a finished evaluation")
    return pd.read_parquet(path)


def _tables(found: Study) -> dict[str, Sequence[object]]:
    """File -> rows that are also written as CSV."""
    made = {
        "perturbations.csv": found.surfaces, "variance.csv": found.variances,
        "places.csv": found.places, "noise.csv": found.noise,
    }
    return {f"{markdown.FOLDER}/{name}": rows for name, rows in made.items() if rows}


def _write(out: Path, found: Study, read: Sequence[Cells]) -> tuple[str, ...]:
    with files.atomic_path(out / RECORDS) as temporary:
        records(read).to_parquet(temporary, index=False)
    files.write_json(out / SUMMARY, {"schema": SCHEMA} | files.plain(found))
    names = [RECORDS, SUMMARY]
    for name, text in markdown.tables(found).items():
        with files.atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        names.append(name)
    for name, lines in _tables(found).items():
        with files.atomic_path(out / name) as temporary:
            pd.json_normalize(files.plain(lines), sep="_").rename(
                columns=lambda column: column.removesuffix("_value")
            ).to_csv(temporary, index=False, lineterminator="\n")
        names.append(name)
    with files.atomic_path(out / REPORT) as temporary:
        temporary.write_text(report.page(found), encoding="utf-8")
    return (*names, REPORT)
