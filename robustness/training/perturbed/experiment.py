"""Plans the experiment from names of tasks, runs it on a model, and writes the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.study import sources
from robustness.evaluation.study.run import Report
from robustness.models.evaluator import ShouldStop
from robustness.models.load_options import PLAIN, Loading
from robustness.storage import files, provenance
from robustness.training.perturbed import analysis, inputs, report
from robustness.training.perturbed.plan import Plan, plan
from robustness.training.perturbed.recipe import Recipe
from robustness.training.perturbed.run import SCHEMA, Experiment, Finished
from robustness.training.perturbed.values import Trained
from robustness.types import Example

RECORDS = "records.parquet"
SUMMARY = "summary.json"
TABLES = "tables.md"
REPORT = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Summary of an experiment."""

    folder: str
    files: tuple[str, ...]
    trained: int
    """Number of arms that were trained and tested now."""
    known: int
    """Number of arms that an earlier run had finished."""
    found: Trained


def plan_of(
    recipe: Recipe,
    *,
    task_names: Sequence[str] = (),
    held_out: Sequence[str] | None = None,
    observed: str = instructions.OBSERVED,
    unobserved: str = instructions.UNOBSERVED_DEVELOPMENT,
    nltk_data: Path | None = None,
) -> Plan:
    """Reads tasks and instructions by name and plans the experiment.

    Args:
        recipe: The settings.
        task_names: Tasks to train on, built-in names or files; empty: the built-in tasks that have
            observed instructions.
        held_out: Tasks that are only tested; None: the built-in tasks without observed
            instructions.
        observed: Instructions to train on: a shipped collection or a file.
        unobserved: Instructions to test with, likewise.
        nltk_data: Folder with NLTK's `corpora`, for the training inputs of the real-text tasks.

    Raises:
        InputError, NotFoundError: See `plan.plan` and `tasks.find`.
    """
    shipped = [tasks.builtin(name) for name in tasks.builtin_names()]
    chosen = [tasks.find(n) for n in sources.names(task_names)] or [t for t in shipped if t.trained]
    apart = (
        [t for t in shipped if not t.trained] if held_out is None
        else [tasks.find(n) for n in sources.names(held_out)]
    )
    first, left = sources.read_instructions([observed])
    second, more = sources.read_instructions([unobserved])
    return plan(
        recipe, tasks=chosen, held_out=apart, observed=first, unobserved=second,
        training=_training(chosen, recipe, nltk_data), left=[*left, *more],
    )


def _training(
    chosen: Sequence[Task], recipe: Recipe, nltk_data: Path | None
) -> Mapping[str, Sequence[Example]]:
    return inputs.training(chosen, max(recipe.instances), recipe.limit, nltk_data)


def train(
    made: Plan,
    model: str | Path,
    out: Path,
    *,
    loading: Loading = PLAIN,
    on_start: Report | None = None,
    on_progress: Report | None = None,
    should_stop: ShouldStop | None = None,
) -> Outcome:
    """Carries out a plan, or resumes an interrupted run, and writes the results.

    Args:
        made: The plan.
        model: A folder with a transformers model, or a name on the hub; it is not changed.
        out: Folder of the results; finished arms of the same plan and model in it are reused.
        loading: Revision, device and number type; half precision is trained in float32.
        on_start: Called once with (model, finished arms, number of arms).
        on_progress: Called with (what, done, total), counted in updates and generated answers.
        should_stop: Called before each update and each test; True cancels.

    Raises:
        InputError: The folder is a file, or no input fits in the model's context.
        CancelledError: `should_stop` returned True; the same call resumes.
        NotFoundError, CorruptFileError, MismatchError: See `Experiment`.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the results")
    experiment = Experiment(made, model, out, loading=loading)
    known = experiment.known()
    arms = len(made.recipe.arms)
    if on_start is not None:
        on_start(experiment.loaded.id, known, arms)
    finished = experiment.run(report=on_progress, should_stop=should_stop)
    found = summary(experiment, made, finished)
    written = _write(out, found, finished)
    return Outcome(
        folder=str(out), files=written, trained=arms - known, known=known, found=found
    )


def summary(experiment: Experiment, made: Plan, finished: Sequence[Finished]) -> Trained:
    """Computes all results from the answers of the finished arms."""
    seconds = sum(one.seconds for one in finished)
    return Trained(
        model=experiment.loaded.id, revision=experiment.loaded.revision, recipe=made.recipe,
        tasks=tuple(s.task.id for s in made.sources), held_out=made.held_out,
        available={s.task.id: len(s.inputs) for s in made.sources},
        rows=tuple(analysis.rows(finished)), guesses=tuple(analysis.guesses(experiment.words())),
        left=(*made.left, *experiment.left), seconds=round(seconds, 1),
        made=provenance.collect(schema=SCHEMA, seconds=seconds),
    )


def _write(out: Path, found: Trained, finished: Sequence[Finished]) -> tuple[str, ...]:
    lines = [files.plain(answer) for one in finished for answer in one.answers]
    with files.atomic_path(out / RECORDS) as temporary:
        pd.DataFrame(lines).to_parquet(temporary, index=False)
    files.write_json(out / SUMMARY, {"schema": SCHEMA} | files.plain(found))
    for name, text in ((TABLES, report.tables(found)), (REPORT, report.page(found))):
        with files.atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return (RECORDS, SUMMARY, TABLES, REPORT)
