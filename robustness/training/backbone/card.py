"""Measures the contents of a backbone's model card: accuracies, gains of alignment, baselines.

Every number is measured here or read from a file that a command wrote. Does not format the card;
see `card_markdown`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from robustness import paths
from robustness.data import instructions
from robustness.data.tasks import Task, builtin, builtin_names
from robustness.models.engine import Engine
from robustness.models.evaluator import answered
from robustness.stats.intervals import BoolArray, paired_bootstrap, paired_bootstrap_mean, wilson
from robustness.storage import files, provenance
from robustness.training import looks
from robustness.training.backbone import corpora, data
from robustness.types import Example, TaskType

SCHEMA = 3
SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST)
INPUTS = 128
"""Number of inputs of each task that are measured on."""
REAL_INPUTS = 400
"""Largest number of inputs of each corpus and split."""
REAL_SPLITS = ("train", "dev", "test")
PARTS = ("data", "unseen", "free", "followed", "decomposition", "seeds", "ablation", "asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccuracy:
    """Accuracy of one task under one set of instructions, in points (0 to 100)."""

    task: str
    task_type: str
    collection: str
    instructions: int
    inputs: int
    accuracy: float
    low: float
    """Wilson interval, 95%, over all (instruction, input) pairs."""
    high: float
    std: float | None
    """Sample standard deviation over instructions; None for one instruction."""
    worst: float
    """Accuracy under the worst instruction."""
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Aligned minus original accuracy on the same instructions and inputs, in points."""

    model: str
    collection: str
    task_type: str
    """A task type, or `all`."""
    tasks: int
    value: float
    low: float
    """Paired bootstrap interval over each task's instructions and inputs, 95%."""
    high: float


Tables = Mapping[tuple[str, str], BoolArray]
"""(task, collection) -> (I, N) bool: whether the answer is right, instructions by inputs."""


def _cell(
    task: Task, collection: str, correct: BoolArray, examples: Sequence[Example]
) -> TaskAccuracy:
    overall = wilson(int(correct.sum()), correct.size)
    by_instruction = 100.0 * correct.mean(axis=1)
    return TaskAccuracy(
        task=task.id,
        task_type=str(task.task_type),
        collection=collection,
        instructions=len(correct),
        inputs=len(examples),
        accuracy=100 * overall.value,
        low=100 * overall.low,
        high=100 * overall.high,
        std=float(np.std(by_instruction, ddof=1)) if len(correct) > 1 else None,
        worst=float(by_instruction.min()),
        chance=100 * float(np.mean([1 / len(e.options) for e in examples])),
    )


def measure(
    engine: Engine,
    model: str,
    *,
    sets: Sequence[str] = SETS,
    limit: int | None = INPUTS,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tables:
    """Evaluates a model on the test inputs of the built-in tasks, by set of instructions.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        sets: Names of shipped collections.
        limit: Largest number of inputs per task; None: all.
        on_progress: Called with (tasks done, number of tasks).

    Raises:
        NotFoundError, EngineError: See `Engine.read`.
    """
    tables = {}
    names = builtin_names()
    for number, name in enumerate(names, start=1):
        examples = builtin(name).split("test")[:limit]
        for collection in sets:
            chosen = [i for i in instructions.builtin(collection) if i.task == name]
            if chosen:
                tables[name, collection] = answered(engine, model, chosen, examples)
        if on_progress is not None:
            on_progress(number, len(names))
    return tables


def cells(tables: Tables, limit: int | None = INPUTS) -> list[TaskAccuracy]:
    """The accuracies of one model, one per task and set.

    Args:
        tables: See `measure`.
        limit: The limit that was given to `measure`.
    """
    return [
        _cell(builtin(name), collection, correct, builtin(name).split("test")[:limit])
        for (name, collection), correct in tables.items()
    ]


def gains(model: str, original: Tables, aligned: Tables, *, seed: int = 0) -> list[Gain]:
    """The gains of an aligned model over the original, by set of instructions and task type.

    Args:
        model: Id of the aligned model.
        original: Answers of the original model, see `measure`.
        aligned: Answers of the aligned model on the same instructions and inputs.
        seed: Seed of the bootstrap.
    """
    made = []
    for collection in dict.fromkeys(c for _, c in original):
        for kind in ("all", *(str(t) for t in TaskType)):
            names = [
                n for n, c in original
                if c == collection and kind in ("all", str(builtin(n).task_type))
            ]
            if not names:
                continue
            found = paired_bootstrap_mean(
                [(aligned[n, collection], original[n, collection]) for n in names],
                rng=np.random.default_rng(seed),
            )
            made.append(
                Gain(
                    model=model, collection=collection, task_type=kind, tasks=len(names),
                    value=100 * found.value, low=100 * found.low, high=100 * found.high,
                )
            )
    return made


Steps = Callable[[str], Callable[[int, int], None]]
"""What is measured -> what is called with (done, total) of it."""


def steps(report: Callable[[str, int, int], None] | None) -> Steps:
    """Names the parts of a card in its progress.

    Args:
        report: Called with (what, done, total); None: progress is told to nobody.
    """

    def step(what: str) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            if report is not None:
                report(what, done, total)

        return progress

    return step


def measured(
    engine: Engine, folder: Path, step: Steps, *, limit: int | None = INPUTS
) -> tuple[Tables, list[Gain]]:
    """The answers of a card's model, and what each model aligned on it gains.

    The look at the test set is noted in the folder's log first: an interrupted card has used it
    as well.

    Args:
        engine: Serves the model and, behind it, those that were aligned on it.
        folder: The model's folder.
        step: See `steps`.
        limit: Largest number of inputs a task; None: all.

    Raises:
        NotFoundError, EngineError: See `measure`.
    """
    original, *aligned = (served.id for served in engine.models())
    looks.note(
        folder, [original],
        "card: accuracy by options and of generated answers, and what each prefix gains",
    )
    plain = measure(engine, original, limit=limit, on_progress=step(original))
    gained = [
        gain for model in aligned
        for gain in gains(
            model, plain, measure(engine, model, limit=limit, on_progress=step(model))
        )
    ]
    return plain, gained


def mean(cells: Sequence[TaskAccuracy], **wanted: str) -> float | None:
    """Mean of the accuracies whose fields have the wanted values, in points; None for none."""
    kept = [c.accuracy for c in cells if all(getattr(c, k) == v for k, v in wanted.items())]
    return float(np.mean(kept)) if kept else None


def sizes(nltk_data: Path | None) -> list[dict[str, Any]]:
    """Number of examples of each corpus by split, one row per real-text task.

    Raises:
        NotFoundError: A corpus is missing.
    """
    corpora.use(nltk_data)
    return [
        {"task": name, "licence": corpora.LICENCES[corpora.SOURCES[name]]}
        | {split: sum(e.split == split for e in examples) for split in REAL_SPLITS}
        for name, examples in sorted(data.by_task(corpora.labelled()).items())
    ]


def real_text(
    engine: Engine,
    model: str,
    nltk_data: Path | None,
    *,
    splits: Sequence[str] = REAL_SPLITS,
    limit: int = REAL_INPUTS,
) -> list[dict[str, Any]]:
    """Compares the backbone with TF-IDF and logistic regression on the real-text tasks, by split.

    Accuracy on `train`, which both were fitted to, separates what was not learned from what was
    memorised.

    Args:
        engine: Runs the model.
        model: Id of a model that the engine serves.
        nltk_data: Folder with NLTK's `corpora`.
        splits: The corpora's splits that are measured on.
        limit: Largest number of inputs of each corpus and split.

    Returns:
        One row per task and split: `task`, `split`, `backbone` (mean over the observed
        instructions), `baseline`, `difference` with its 95% interval `low` and `high`, all in
        points, and the numbers of `inputs` and `train` inputs.

    Raises:
        NotFoundError: A corpus is missing.
    """
    corpora.use(nltk_data)
    observed = instructions.builtin(instructions.OBSERVED)
    rows = []
    for name, examples in sorted(data.by_task(corpora.labelled()).items()):
        train = [e for e in examples if e.split == "train"]
        baseline = _baseline().fit([e.fields["text"] for e in train], [e.answer for e in train])
        chosen = [i for i in observed if i.task == name]
        for split in splits:
            held = [e for e in examples if e.split == split]
            # Evenly spaced, so that every class and document of the split is represented.
            spaced = np.linspace(0, len(held) - 1, min(limit, len(held)))
            inputs = [held[round(n)] for n in spaced]
            guessed = baseline.predict([e.fields["text"] for e in inputs])
            hits = np.array([g == e.answer for g, e in zip(guessed, inputs, strict=True)])
            correct = answered(engine, model, chosen, inputs)
            difference = paired_bootstrap(
                correct, hits[None, :], rng=np.random.default_rng(0)
            ).points
            rows.append(
                {
                    "task": name, "split": split, "backbone": 100 * float(correct.mean()),
                    "baseline": 100 * float(hits.mean()), "difference": difference.value,
                    "low": difference.low, "high": difference.high, "inputs": len(inputs),
                    "train": len(train),
                }
            )
    return rows


def _baseline() -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True)
    return make_pipeline(make_union(words, letters), LogisticRegression(C=5.0, max_iter=400))


def document(
    measured: Sequence[TaskAccuracy],
    gained: Sequence[Gain],
    real: Sequence[Mapping[str, Any]],
    folder: Path,
    **parts: Any,
) -> dict[str, Any]:
    """The card as a JSON document.

    Args:
        measured: See `cells`.
        gained: See `gains`.
        real: See `real_text`; empty where the corpora are missing.
        folder: The backbone's folder, with `training.json`.
        parts: The other measurements by their names in `PARTS`; see `quality.describe`.
    """
    weights = files.file_hash(folder / "model.safetensors")
    hashes = {name: files.file_hash(paths.INSTRUCTIONS / f"{name}.jsonl") for name in SETS}
    return {
        "schema": SCHEMA,
        "training": files.read_json(folder / provenance.TRAINING_FILE, schema=1),
        "weights": weights,
        "instruction_sets": hashes,
        "cells": list(measured),
        "gains": list(gained),
        "real_text": list(real),
        **{name: parts.get(name) for name in PARTS},
        "provenance": provenance.collect(schema=SCHEMA),
    }
