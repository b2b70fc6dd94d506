"""Measures how far a backbone can be trusted, and writes its model card.

It measures whether instructions are followed, free answers against options, tasks that were never
trained, and losses by wording and layout. `python -m robustness backbone card` calls it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robustness.data import instructions, test_set_log
from robustness.data.tasks import Task, builtin, builtin_names
from robustness.errors import InputError, MismatchError
from robustness.evaluation.perturbations.kinds import Kind, Material, make
from robustness.evaluation.wording_vs_layout import Decomposition, decompose
from robustness.models import evaluator, papers
from robustness.models.engine import Engine
from robustness.models.evaluator import answered
from robustness.models.transformers_engine import TransformersEngine
from robustness.stats import intervals
from robustness.stats.intervals import BoolArray, Estimate
from robustness.storage import files, provenance
from robustness.training.backbone import card, card_markdown, data
from robustness.training.backbone.card import SETS, Tables

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""

FOLLOWED_INPUTS = 64
FREE_INPUTS = 24
DECOMPOSED_INPUTS = 64
SEEDS = "seeds.json"
ABLATION = "ablation.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTask:
    """Accuracy of one task under its observed instructions and their alterations, in points."""

    task: str
    instructions: int
    inputs: int
    given: float
    negated: float
    nonsensical: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Accuracy lost by altering the instruction, mean over tasks, in points, with 95% intervals."""

    negated: Estimate
    """Accuracy under the given minus under the negated instructions."""
    nonsensical: Estimate
    """Accuracy under the given minus under the nonsensical instructions."""
    tasks: tuple[FollowedTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Accuracy of generated answers and by comparing options, on the same pairs, in points."""

    task_type: str
    collection: str
    answers: int
    by_options: float
    generated: float
    """Accuracy of generated answers, where an unparsed answer is wrong."""
    unparsed: float
    """Share of unparsed answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Accuracy on a task that was not trained on, in points."""

    task: str
    collection: str
    accuracy: float
    low: float
    """Bootstrap interval over instructions and inputs, 95%."""
    high: float
    chance: float


def trained_tasks() -> list[Task]:
    """The built-in tasks that the backbone was trained on."""
    return [task for task in map(builtin, builtin_names()) if task.trained]


def followed(
    engine: Engine,
    model: str,
    tasks: Sequence[Task],
    *,
    limit: int | None = FOLLOWED_INPUTS,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Followed:
    """Measures accuracy under observed instructions, their negations, and nonsense, on test inputs.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        tasks: Built-in tasks with observed instructions and test inputs.
        limit: Largest number of inputs per task; None: all.
        seed: Seed of the random words and of the bootstrap.
        on_progress: Called with (tasks done, number of tasks).

    Raises:
        InputError: No task has observed instructions and labelled inputs.
        NotFoundError, EngineError: See `Engine.read`.
    """
    observed = instructions.builtin(instructions.OBSERVED)
    wanted = (Kind.GIVEN, Kind.NEGATED, Kind.NONSENSICAL)
    rows: list[FollowedTask] = []
    tables: list[dict[Kind, BoolArray]] = []
    for number, task in enumerate(tasks, start=1):
        examples = task.split("test")[:limit]
        own = [i for i in observed if i.task == task.id]
        if own and examples:
            material = Material(task=task, observed=observed, collected=(), closest=None)
            suites = [make(i, material, seed=seed).alterations for i in own]
            made = {
                kind: answered(
                    engine, model, [a.instruction for s in suites for a in s if a.kind is kind],
                    examples,
                )
                for kind in wanted
            }
            tables.append(made)
            given, negated, nonsensical = (100 * float(made[k].mean()) for k in wanted)
            rows.append(
                FollowedTask(
                    task=task.id, instructions=len(own), inputs=len(examples), given=given,
                    negated=negated, nonsensical=nonsensical,
                    chance=100 * float(np.mean([1 / len(e.options) for e in examples])),
                )
            )
        if on_progress is not None:
            on_progress(number, len(tasks))
    if not rows:
        raise InputError("no task has observed instructions and labelled test inputs")

    def cost(kind: Kind) -> Estimate:
        pairs = [(t[Kind.GIVEN], t[kind]) for t in tables]
        rng = np.random.default_rng(seed)
        return intervals.paired_bootstrap_mean(pairs, rng=rng).points

    return Followed(
        negated=cost(Kind.NEGATED), nonsensical=cost(Kind.NONSENSICAL), tasks=tuple(rows)
    )


def free_answers(
    engine: Engine,
    model: str,
    tasks: Sequence[Task],
    *,
    sets: Sequence[str] = SETS,
    limit: int | None = FREE_INPUTS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Free]:
    """Compares generated answers (greedy, parsed by `answers.parse`) with answers by options.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        tasks: Built-in tasks with test inputs.
        sets: Names of shipped collections.
        limit: Largest number of inputs per task; None: all.
        on_progress: Called with (tasks done, number of tasks).

    Returns:
        One row per task type and set, and one for all types (`all`); means over answers.

    Raises:
        NotFoundError, EngineError: See `Engine.read` and `Engine.stream`.
    """
    pooled: dict[tuple[str, str], list[tuple[bool, bool, bool]]] = {}
    for number, task in enumerate(tasks, start=1):
        examples = task.split("test")[:limit]
        for collection in sets:
            chosen = [i for i in instructions.builtin(collection) if i.task == task.id]
            if not chosen:
                continue
            compared = answered(engine, model, chosen, examples)
            for row, instruction in zip(compared, chosen, strict=True):
                for right, example in zip(row, examples, strict=True):
                    said = evaluator.free_answer(engine, model, instruction, example)
                    cell = (bool(right), said == example.answer, said is None)
                    for kind in (str(task.task_type), "all"):
                        pooled.setdefault((kind, collection), []).append(cell)
        if on_progress is not None:
            on_progress(number, len(tasks))
    return [
        Free(
            task_type=kind, collection=collection, answers=len(cells),
            by_options=100 * float(np.mean([c[0] for c in cells])),
            generated=100 * float(np.mean([c[1] for c in cells])),
            unparsed=100 * float(np.mean([c[2] for c in cells])),
        )
        for (kind, collection), cells in sorted(pooled.items())
    ]


def unseen(tables: Tables, *, seed: int = 0) -> list[Unseen]:
    """Accuracy on the tasks that were not trained on, with the accuracy of a random guess.

    Args:
        tables: See `card.measure`.
        seed: Seed of the bootstrap.
    """
    rows = []
    for (name, collection), correct in tables.items():
        if name not in data.UNSEEN_TASKS:
            continue
        examples = builtin(name).split("test")[: correct.shape[1]]
        nothing = np.zeros_like(correct)
        found = intervals.paired_bootstrap(correct, nothing, rng=np.random.default_rng(seed))
        rows.append(
            Unseen(
                task=name, collection=collection, accuracy=found.points.value,
                low=found.points.low, high=found.points.high,
                chance=100 * float(np.mean([1 / len(e.options) for e in examples])),
            )
        )
    return rows


def decomposed(
    engine: Engine, model: str, limit: int | None, report: Callable[[int, int], None]
) -> Decomposition:
    """The loss on unobserved-development instructions by wording and layout, on trained tasks."""
    return decompose(
        engine, model, trained_tasks(), instructions.builtin(instructions.OBSERVED),
        instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT), limit=limit,
        on_progress=report,
    )


def describe(
    engine: Engine, folder: Path, nltk_data: Path | None, *, report: Report | None = None
) -> Mapping[str, Any]:
    """Measures a backbone and writes `card.json` and `CARD.md` into its folder.

    Args:
        engine: Serves the backbone and the models that were aligned on it.
        folder: The backbone's folder, with `training.json`; `seeds.json` and `ablation.json` are
            included where they exist.
        nltk_data: Folder with NLTK's `corpora`; None: the real-text part is left out.
        report: Called with (what, done, total) after each task of each part.

    Raises:
        NotFoundError, EngineError: See `card.measure`.
        CorruptFileError: A file in the folder is malformed.
    """
    original = engine.models()[0].id
    step = card.steps(report)
    plain, gained = card.measured(engine, folder, step)
    tasks = trained_tasks()
    free = free_answers(engine, original, tasks, on_progress=step("generated answers"))
    real = [] if nltk_data is None else card.real_text(engine, original, nltk_data)
    made = card.document(
        card.cells(plain), gained, real, folder,
        data=None if nltk_data is None else card.sizes(nltk_data),
        unseen=unseen(plain), free=free,
        followed=followed(engine, original, tasks, on_progress=step("altered instructions")),
        decomposition=decomposed(
            engine, original, DECOMPOSED_INPUTS, step("wording and layout")
        ),
        seeds=beside(folder / SEEDS), ablation=beside(folder / ABLATION),
        asked=test_set_log.read_log(folder),
    )
    card_markdown.write(folder, made)
    return made


def refresh(
    folder: Path, formatted: Callable[[Mapping[str, Any]], str] = card_markdown.markdown
) -> Mapping[str, Any]:
    """Updates a card from the files beside it (seeds, ablation, test-set log); measures nothing.

    Args:
        folder: The backbone's folder, of whose weights there is a `card.json`.
        formatted: See `card_markdown.write`.

    Raises:
        NotFoundError, CorruptFileError: There is no card, or a file is malformed.
        MismatchError: The card was written by another version, or for other weights.
    """
    kept = papers.folder_of(folder)
    made: dict[str, Any] = files.read_json(kept / "card.json", schema=card.SCHEMA)
    if made.get("weights") != files.file_hash(folder / "model.safetensors"):
        raise MismatchError(
            f"{kept / 'card.json'} is of other weights; measure with: "
            "python -m robustness backbone card"
        )
    made |= {
        "seeds": beside(kept / SEEDS), "ablation": beside(kept / ABLATION),
        "asked": test_set_log.read_log(kept),
    }
    card_markdown.write(kept, made, formatted)
    return made


def beside(path: Path) -> Any:
    """The document of a file beside the card; None where there is none."""
    return files.read_json(path, schema=SCHEMA) if path.is_file() else None


def compare_seeds(
    folders: Sequence[Path],
    out: Path,
    *,
    limit: int | None = DECOMPOSED_INPUTS,
    report: Report | None = None,
) -> Any:
    """Compares backbones trained with different seeds, and writes `seeds.json`.

    Args:
        folders: Folders of the backbones, with `training.json`.
        out: Folder of the backbone whose card includes the result.
        limit: Largest number of inputs per task; None: all.
        report: Called with (what, done, total) after each task of each backbone.

    Raises:
        InputError: The models have different sizes.
        NotFoundError, CorruptFileError: A folder holds no backbone.
    """
    records = [files.read_json(f / provenance.TRAINING_FILE, schema=1) for f in folders]
    if len({r["parameters"] for r in records}) != 1:
        raise InputError("these backbones have different sizes; compare trainings of one")
    usual = records[0]["recipe"]
    rows = []
    for folder, record in zip(folders, records, strict=True):
        engine = TransformersEngine(folder, prefixes={})
        model = engine.models()[0].id

        def step(done: int, total: int, seed: int = record["recipe"]["seed"]) -> None:
            if report is not None:
                report(f"seed {seed}", done, total)

        sets = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
        tables = card.measure(engine, model, sets=sets, limit=limit, on_progress=step)
        cells = card.cells(tables, limit)
        seen = [c for c in cells if c.task not in data.UNSEEN_TASKS]
        means = {
            kind: {s: card.mean(seen, task_type=kind, collection=s) for s in sets}
            for kind in ("QA", "MC", "BC")
        }
        parts = decomposed(engine, model, limit, step)
        rows.append(
            {
                "seed": record["recipe"]["seed"],
                "differs": {
                    k: v for k, v in record["recipe"].items() if k != "seed" and v != usual.get(k)
                },
                "seconds": record["seconds"], "inputs": limit,
                "tokens": record["tokens"], "parameters": record["parameters"], "types": means,
                "decomposition": replace(parts, tasks=()),
            }
        )
        engine.close()
    made = {"schema": SCHEMA, "recipe": usual, "rows": rows}
    files.write_json(out / SEEDS, made)
    return made
