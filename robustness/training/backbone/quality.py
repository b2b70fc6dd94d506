"""How far a backbone is worth believing: is the instruction followed, what is a loss made of?

Refuses to train. `backbone card` calls it; every figure of a card comes from here, from `card.py`
or from a file that a command wrote.
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
from robustness.models import evaluator
from robustness.models.engine import Engine
from robustness.models.evaluator import answered
from robustness.models.transformers_engine import TransformersEngine
from robustness.stats import intervals
from robustness.stats.intervals import BoolArray, Estimate
from robustness.storage import files
from robustness.training.backbone import card, card_markdown, data
from robustness.training.backbone.card import SETS, Tables

Report = Callable[[str, int, int], None]
"""(what, done, total)."""

FOLLOWED_INPUTS = 64
FREE_INPUTS = 24
DECOMPOSED_INPUTS = 64
SEEDS = "seeds.json"
ABLATION = "ablation.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTask:
    """Accuracy of one task under its observed instructions and under altered ones, in points."""

    task: str
    instructions: int
    inputs: int
    given: float
    negated: float
    nonsensical: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What altering the instruction costs, mean over tasks, in points; paired, 95%."""

    negated: Estimate
    """Given minus negated."""
    nonsensical: Estimate
    """Given minus nonsensical."""
    tasks: tuple[FollowedTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Generated answers beside the options' log-probabilities on the same cells, in points."""

    task_type: str
    collection: str
    answers: int
    by_options: float
    generated: float
    """An unparsed answer counts as wrong."""
    unparsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A task that was never trained on, in points."""

    task: str
    collection: str
    accuracy: float
    low: float
    """95%, instructions and inputs drawn again."""
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
    """Every observed instruction, its negation and random words in its layout, on the same inputs.

    Args:
        engine: Where the model runs.
        model: A served model id.
        tasks: Built-in tasks with observed instructions; their test inputs are read.
        limit: Inputs a task at the most; None: all.
        seed: Of the random words and the intervals.
        on_progress: Called with (done, total) tasks.

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
    """Greedy text, read by `answers.parse`, beside what comparing the options gives.

    Args:
        engine: Where the model runs.
        model: A served model id.
        tasks: Built-in tasks; their test inputs are read.
        sets: Shipped collections.
        limit: Inputs a task at the most; None: all.
        on_progress: Called with (done, total) tasks.

    Returns:
        A row a type of task and set, and one over all types (`all`); means over answers.

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
    """Tasks that were never trained on, beside chance.

    Args:
        tables: See `card.measure`.
        seed: Of the intervals.
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


def _decomposition(
    engine: Engine, model: str, limit: int | None, report: Callable[[int, int], None]
) -> Decomposition:
    return decompose(
        engine, model, trained_tasks(), instructions.builtin(instructions.OBSERVED),
        instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT), limit=limit,
        on_progress=report,
    )


def describe(
    engine: Engine, folder: Path, nltk_data: Path | None, *, report: Report | None = None
) -> Mapping[str, Any]:
    """Measures the backbone and writes `card.json` and `CARD.md` beside its weights.

    Args:
        engine: Serves the backbone, and what was aligned on it.
        folder: With `training.json`; `seeds.json` and `ablation.json` are taken in where they are.
        nltk_data: Folder with NLTK's `corpora`; None leaves the real-text part out.
        report: Called after each task of each part.

    Raises:
        NotFoundError, EngineError: See `backbone.card`.
        CorruptFileError: A file beside the weights is damaged.
    """
    original, *aligned = (served.id for served in engine.models())

    def step(what: str) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            if report is not None:
                report(what, done, total)

        return progress

    # Before it is asked: a card that is interrupted has looked as well.
    test_set_log.append(
        folder, original,
        "card: accuracy by options and of generated answers, and what each prefix gains",
    )
    plain = card.measure(engine, original, on_progress=step(original))
    gained = [
        gain for model in aligned
        for gain in card.gains(
            model, plain, card.measure(engine, model, on_progress=step(model))
        )
    ]
    tasks = trained_tasks()
    free = free_answers(engine, original, tasks, on_progress=step("generated answers"))
    real = [] if nltk_data is None else card.real_text(engine, original, nltk_data)
    made = card.document(
        card.cells(plain), gained, real, folder,
        data=None if nltk_data is None else card.sizes(nltk_data),
        unseen=unseen(plain), free=free,
        followed=followed(engine, original, tasks, on_progress=step("altered instructions")),
        decomposition=_decomposition(
            engine, original, DECOMPOSED_INPUTS, step("wording and layout")
        ),
        seeds=_beside(folder / SEEDS), ablation=_beside(folder / ABLATION),
        asked=test_set_log.read_log(folder),
    )
    card_markdown.write(folder, made)
    return made


def refresh(folder: Path) -> Mapping[str, Any]:
    """Takes what lies beside the card into it anew: other seeds, the ablation, the ledger.

    Args:
        folder: With `card.json` of the weights there; nothing is measured.

    Raises:
        NotFoundError, CorruptFileError: There is no card, or a file is damaged.
        MismatchError: The card is another version's, or of other weights.
    """
    made: dict[str, Any] = files.read_json(folder / "card.json", schema=card.SCHEMA)
    if made["weights"] != files.file_hash(folder / "model.safetensors"):
        raise MismatchError(
            f"{folder / 'card.json'} is of other weights; measure with: "
            "python -m robustness backbone card"
        )
    made |= {
        "seeds": _beside(folder / SEEDS), "ablation": _beside(folder / ABLATION),
        "asked": test_set_log.read_log(folder),
    }
    card_markdown.write(folder, made)
    return made


def _beside(path: Path) -> Any:
    return files.read_json(path, schema=SCHEMA) if path.is_file() else None


def compare_seeds(
    folders: Sequence[Path],
    out: Path,
    *,
    limit: int | None = DECOMPOSED_INPUTS,
    report: Report | None = None,
) -> Any:
    """What several trainings have in common; written as `seeds.json`.

    Args:
        folders: Backbones with `training.json`.
        out: Folder of the backbone whose card takes it in.
        limit: Inputs a task at the most; None: all.
        report: Called after each task of each backbone.

    Raises:
        InputError: The models have different sizes.
        NotFoundError, CorruptFileError: A folder holds no backbone.
    """
    records = [files.read_json(f / "training.json", schema=1) for f in folders]
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
        parts = _decomposition(engine, model, limit, step)
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
