"""The card of a backbone: what it was trained on and how accurate it is, from files alone.

Refuses to type in a figure: every number is measured here or read from what training wrote.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from robustness import instructions, paths, provenance, storage
from robustness.backbone import ablation, corpora, data
from robustness.engine import Engine
from robustness.evaluation import accuracy, correctness, evaluate
from robustness.statistics import BoolArray, paired_bootstrap_mean, wilson
from robustness.tasks import Task, builtin, builtin_names
from robustness.types import Example, TaskType

SCHEMA = 2
SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST)
ABLATION = "ablation.json"
INPUTS = 128
"""Inputs of each task that the card measures on."""
REAL_INPUTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Accuracy of one task under one set of instructions, in points (0 to 100)."""

    task: str
    task_type: str
    collection: str
    instructions: int
    inputs: int
    accuracy: float
    low: float
    """Wilson, 95%, over all (instruction, input) answers."""
    high: float
    std: float | None
    """Sample standard deviation over instructions; None for one instruction."""
    worst: float
    """Accuracy under the worst single instruction."""
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Aligned minus original accuracy on identical cells, mean over tasks, in points."""

    model: str
    collection: str
    task_type: str
    """Or `all`."""
    tasks: int
    value: float
    low: float
    """95%, resampling each task's instructions and inputs."""
    high: float


Tables = Mapping[tuple[str, str], BoolArray]
"""(task, collection) -> (instructions, inputs) bool: answered rightly."""


def _cell(
    task: Task, collection: str, correct: BoolArray, examples: Sequence[Example]
) -> Cell:
    overall = wilson(int(correct.sum()), correct.size)
    by_instruction = 100.0 * correct.mean(axis=1)
    return Cell(
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
    """Answers by task and set of instructions on the shipped test halves.

    Args:
        engine: Where the model runs.
        model: A served model id.
        sets: Shipped collections to measure under.
        limit: Inputs a task at the most.
        on_progress: Called with (done, total) tasks.

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
                records = evaluate(engine, model, chosen, examples)
                tables[name, collection] = correctness(records).reshape(len(chosen), -1)
        if on_progress is not None:
            on_progress(number, len(names))
    return tables


def cells(tables: Tables, limit: int | None = INPUTS) -> list[Cell]:
    """Accuracies of one model's tables."""
    return [
        _cell(builtin(name), collection, correct, builtin(name).split("test")[:limit])
        for (name, collection), correct in tables.items()
    ]


def gains(model: str, original: Tables, aligned: Tables, *, seed: int = 0) -> list[Gain]:
    """What an aligned model gains over the original, by set and type of task."""
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


def real_text(engine: Engine, model: str, nltk_data: Path | None) -> list[dict[str, Any]]:
    """Accuracy on the corpora's own test splits beside TF-IDF and logistic regression.

    Args:
        engine: Where the model runs.
        model: A served model id.
        nltk_data: Folder with NLTK's `corpora`.

    Returns:
        A row a task: `task`, `backbone`, `baseline` (both in points), `inputs`, `train`.

    Raises:
        NotFoundError: A corpus is missing.
    """
    corpora.use(nltk_data)
    observed = instructions.builtin(instructions.OBSERVED)
    rows = []
    for name, examples in sorted(data.by_task(corpora.labelled()).items()):
        train = [e for e in examples if e.split == "train"]
        test = [e for e in examples if e.split == "test"]
        # Evenly spaced, so that every class and document of the test split is there.
        test = [test[round(n)] for n in np.linspace(0, len(test) - 1, min(REAL_INPUTS, len(test)))]
        baseline = make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
                TfidfVectorizer(
                    analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True
                ),
            ),
            LogisticRegression(C=5.0, max_iter=400),
        )
        baseline.fit([e.fields["text"] for e in train], [e.answer for e in train])
        hits = baseline.predict([e.fields["text"] for e in test]) == [e.answer for e in test]
        chosen = [i for i in observed if i.task == name]
        records = evaluate(engine, model, chosen, test)
        rows.append(
            {
                "task": name,
                "backbone": 100 * accuracy(records),
                "baseline": 100 * float(np.mean(hits)),
                "inputs": len(test),
                "train": len(train),
            }
        )
    return rows


def document(
    measured: Sequence[Cell],
    gained: Sequence[Gain],
    real: Sequence[Mapping[str, Any]],
    folder: Path,
) -> dict[str, Any]:
    """The card as one JSON document.

    Args:
        measured: See `cells`.
        gained: See `gains`.
        real: See `real_text`; empty where the corpora are not there.
        folder: The backbone, with `training.json` and, where methods of alignment were compared,
            that comparison's summary as `ablation.json`.

    Raises:
        NotFoundError, CorruptFileError, MismatchError: A file is missing or cannot be read.
    """
    weights = storage.file_hash(folder / "model.safetensors")
    compared = folder / ABLATION
    hashes = {name: storage.file_hash(paths.INSTRUCTIONS / f"{name}.jsonl") for name in SETS}
    return {
        "schema": SCHEMA,
        "training": storage.read_json(folder / "training.json", schema=1),
        "weights": weights,
        "ablation": storage.read_json(compared, schema=ablation.SCHEMA)
        if compared.is_file()
        else None,
        "instruction_sets": hashes,
        "cells": list(measured),
        "gains": list(gained),
        "real_text": list(real),
        "provenance": provenance.collect(schema=SCHEMA),
    }


def _mean(cells: Sequence[Mapping[str, Any]], **wanted: str) -> float | None:
    kept = [c["accuracy"] for c in cells if all(c[k] == v for k, v in wanted.items())]
    return float(np.mean(kept)) if kept else None


def _points(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


def comparison(card: Mapping[str, Any]) -> list[str]:
    """The comparison of methods, where there is one and it is of these weights."""
    compared = card.get("ablation")
    if compared is None:
        return []
    lines = ["", "## Methods of alignment compared", ""]
    if compared["weights"] != card["weights"]:
        return [
            *lines,
            f"The comparison in {ABLATION} belongs to other weights (`{compared['weights']}`); "
            "make it again with: python -m robustness ablation",
        ]
    return lines + ablation.lines(compared)


def markdown(card: Mapping[str, Any]) -> str:
    """The card for people, every figure from the document."""
    training, cells = card["training"], card["cells"]
    unseen = set(data.UNSEEN_TASKS)
    seen = [c for c in cells if c["task"] not in unseen]
    lines = [
        "# The embedded backbone",
        "",
        f"Decoder-only, Llama architecture, {training['parameters'] / 1e6:.2f} million parameters, "
        f"trained from scratch on {training['provenance']['hardware']} in "
        f"{training['seconds'] / 60:.0f} minutes ({training['tokens'] / 1e6:.1f} million tokens, "
        f"{training['recipe']['steps']} steps, seed {training['recipe']['seed']}). It knows the "
        "tasks below and nothing else: it is there to show the phenomenon on a laptop.",
        "",
        "## Accuracy by type of task, options compared, in points",
        "",
        "| type | observed | unobserved-development | unobserved-test |",
        "|---|---|---|---|",
    ]
    for kind in ("QA", "MC", "BC"):
        means = [_points(_mean(seen, task_type=kind, collection=s)) for s in SETS]
        lines.append(f"| {kind} | {' | '.join(means)} |")
    lines += [
        "",
        "## Accuracy by task",
        "",
        "Mean over instructions [Wilson interval over all answers], standard deviation over "
        "instructions, worst instruction. Inputs: the first of the shipped test half.",
        "",
        "| task | set | instructions | accuracy | std | worst | chance |",
        "|---|---|---|---|---|---|---|",
    ]
    for c in cells:
        note = " (never trained)" if c["task"] in unseen else ""
        lines.append(
            f"| {c['task']}{note} | {c['collection']} | {c['instructions']} | {c['accuracy']:.1f} "
            f"[{c['low']:.1f}, {c['high']:.1f}] | {_points(c['std'])} | {c['worst']:.1f} | "
            f"{c['chance']:.1f} |"
        )
    lines += [
        "",
        "## What alignment gains",
        "",
        "Aligned minus original accuracy on the same instructions and inputs, mean over tasks "
        "[95% interval, resampling instructions and inputs], in points.",
        "",
        "| model | set | type | tasks | gain |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {g['model']} | {g['collection']} | {g['task_type']} | {g['tasks']} | "
        f"{g['value']:+.1f} [{g['low']:+.1f}, {g['high']:+.1f}] |"
        for g in card["gains"]
    ]
    lines += comparison(card)
    lines += ["", "## Real text, the corpora's own test splits, observed instructions", ""]
    if card["real_text"]:
        lines += [
            "| task | backbone | TF-IDF + logistic regression | test inputs |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {r['task']} | {r['backbone']:.1f} | {r['baseline']:.1f} | {r['inputs']} |"
            for r in card["real_text"]
        ]
    else:
        lines.append("Not measured: the corpora were not there.")
    lines += [
        "",
        "## Data",
        "",
        "Generated stories and scenes (this project's), and NLTK's sentence_polarity, "
        "subjectivity, qc, nps_chat, pros_cons and udhr2; running text for the tokenizer and the "
        "first embeddings from brown, webtext and abc. Each corpus keeps its own licence (NLTK's "
        "index); none of it ships. The shipped inputs are generated from another seed or written "
        "for this project and "
        "were never trained on.",
        "",
        "## Instruction sets (SHA-256)",
        "",
        *[f"- {name}: `{digest}`" for name, digest in card["instruction_sets"].items()],
        "",
        "## What it cannot do",
        "",
        "Anything beyond these tasks: it has no knowledge of the world, does not converse, and its "
        "text beyond an answer is noise. Case is folded. Its context is "
        f"{training['recipe']['context']} tokens.",
        "",
        "## Recipe",
        "",
        *[f"- {key} = {value}" for key, value in training["recipe"].items()],
        "",
        "Reproduce: `python -m robustness backbone train --preset cpu`, then "
        "`python -m robustness backbone card`.",
        "",
    ]
    return "\n".join(lines)


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Writes `card.json` and `CARD.md` beside the weights."""
    storage.write_json(folder / "card.json", card)
    with storage.atomic_path(folder / "CARD.md") as temporary:
        temporary.write_text(markdown(storage.plain(card)), encoding="utf-8")
