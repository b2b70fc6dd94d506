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
from robustness.backbone import corpora, data
from robustness.engine import Engine
from robustness.evaluation import accuracy, evaluate
from robustness.statistics import wilson
from robustness.tasks import Task, builtin, builtin_names
from robustness.types import Example, Instruction

SCHEMA = 1
SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT, instructions.UNOBSERVED_TEST)
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


def _cell(
    engine: Engine,
    model: str,
    task: Task,
    collection: str,
    chosen: Sequence[Instruction],
    examples: Sequence[Example],
) -> Cell:
    records = evaluate(engine, model, chosen, examples)
    by_instruction = [
        100 * accuracy([r for r in records if r.instruction_id == i.id]) for i in chosen
    ]
    overall = wilson(sum(bool(r.correct) for r in records), len(records))
    return Cell(
        task=task.id,
        task_type=str(task.task_type),
        collection=collection,
        instructions=len(chosen),
        inputs=len(examples),
        accuracy=100 * overall.value,
        low=100 * overall.low,
        high=100 * overall.high,
        std=float(np.std(by_instruction, ddof=1)) if len(chosen) > 1 else None,
        worst=min(by_instruction),
        chance=100 * float(np.mean([1 / len(e.options) for e in examples])),
    )


def measure(
    engine: Engine,
    model: str,
    *,
    sets: Sequence[str] = SETS,
    limit: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Cell]:
    """Accuracy by task and set of instructions on the shipped test halves.

    Args:
        engine: Where the model runs.
        model: A served model id.
        sets: Shipped collections to measure under.
        limit: Inputs a task at the most.
        on_progress: Called with (done, total) tasks.

    Raises:
        NotFoundError, EngineError: See `Engine.read`.
    """
    cells = []
    names = builtin_names()
    for number, name in enumerate(names, start=1):
        task = builtin(name)
        for collection in sets:
            chosen = [i for i in instructions.builtin(collection) if i.task == name]
            if chosen:
                examples = task.split("test")[:limit]
                cells.append(_cell(engine, model, task, collection, chosen, examples))
        if on_progress is not None:
            on_progress(number, len(names))
    return cells


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
    cells: Sequence[Cell], real: Sequence[Mapping[str, Any]], folder: Path
) -> dict[str, Any]:
    """The card as one JSON document.

    Args:
        cells: See `measure`.
        real: See `real_text`; empty where the corpora are not there.
        folder: The backbone, with `training.json`.
    """
    hashes = {name: storage.file_hash(paths.INSTRUCTIONS / f"{name}.jsonl") for name in SETS}
    return {
        "schema": SCHEMA,
        "training": storage.read_json(folder / "training.json", schema=1),
        "weights": storage.file_hash(folder / "model.safetensors"),
        "instruction_sets": hashes,
        "cells": cells,
        "real_text": list(real),
        "provenance": provenance.collect(schema=SCHEMA),
    }


def _mean(cells: Sequence[Mapping[str, Any]], **wanted: str) -> float | None:
    kept = [c["accuracy"] for c in cells if all(c[k] == v for k, v in wanted.items())]
    return float(np.mean(kept)) if kept else None


def _points(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.1f}"


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
        "instructions, worst instruction. Inputs: the shipped test half.",
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
