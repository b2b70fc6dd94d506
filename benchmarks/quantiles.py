"""Measures estimates of accuracy quantiles over instructions from some of the prompts.

`python benchmarks/quantiles.py [--json]`: the embedded backbone answers every cell (an instruction
on an input) of four tasks: up to 100 instructions (observed, unobserved-development and automatic
paraphrases) by up to 200 labelled inputs. From 5, 10 and 20% of the cells, over ten seeds, the
quantiles 5, 25, 50, 75 and 95 of the instructions' accuracies are estimated by this project's
model, by a Rasch model (logistic regression on one-hot instructions and inputs, as PromptEval's
simplest) and by each instruction's average, all on the same cells, and compared with those of the
full evaluation. The model was chosen on four other tasks (subjectivity, place, scene_topic,
pros_cons).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from robustness import threads

threads.settle()

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from scipy.special import expit  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from table import Line, hold, save  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robustness import paths  # noqa: E402
from robustness.data import instructions, tasks  # noqa: E402
from robustness.evaluation.prompteval import irt, quantiles, runner  # noqa: E402
from robustness.models import evaluator  # noqa: E402
from robustness.models.transformers_engine import TransformersEngine  # noqa: E402
from robustness.paraphrasing.rule_based import paraphrase  # noqa: E402
from robustness.prediction.degradation import conformal  # noqa: E402

TASKS = ("object", "language", "dialogue_act", "scene_several")
SHARES = (0.05, 0.1, 0.2)
SEEDS = 10
Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.bool_]


def evaluate(engine: TransformersEngine, name: str) -> tuple[list[str], Cells, list[int]]:
    """(texts of I instructions, correctness (I, J) bool, correct answers of the J inputs)."""
    task = tasks.builtin(name)
    observed, unobserved = (
        instructions.for_task(instructions.builtin(pool), name, task.task_type)
        for pool in (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
    )
    made = paraphrase(observed, 0, per_instruction=8)
    chosen = [*observed, *unobserved, *made][:100]
    examples = [e for e in task.examples if e.answer is not None][:200]
    records = evaluator.evaluate(engine, engine.models()[0].id, chosen, examples)
    cells = evaluator.correctness(records).reshape(len(chosen), len(examples))
    return [i.text for i in chosen], cells, runner.right_answers(examples)


def rasch(asked: Cells, correct: Cells) -> Floats:
    """(I,) accuracies; cells that were not asked are filled by a Rasch model."""
    rows, columns = np.nonzero(asked)
    one_hot = np.zeros((len(rows), sum(asked.shape)))
    one_hot[np.arange(len(rows)), rows] = 1
    one_hot[np.arange(len(rows)), len(asked) + columns] = 1
    fitted = LogisticRegression(max_iter=1000).fit(one_hot, correct[rows, columns])
    theta, beta = np.split(fitted.coef_[0], [len(asked)])
    filled = expit(theta[:, None] + beta + fitted.intercept_[0])
    return np.asarray(np.where(asked, correct, filled).mean(1))


def compare(
    texts: list[str], cells: Cells, strata: list[int], share: float, seed: int
) -> dict[str, float]:
    """Errors of the quantiles in points, and coverage and width of the intervals."""
    rng = np.random.default_rng(seed)
    asked = np.zeros_like(cells)
    for row, column in quantiles.allocate(asked, round(share * cells.size), rng, strata):
        asked[row, column] = True
    truth = 100 * np.quantile(cells.mean(1), quantiles.LEVELS)
    made = quantiles.estimate(irt.text_features(texts), asked, cells, rng=rng).quantiles
    value, low, high = (np.array([getattr(q, f) for q in made]) for f in ("value", "low", "high"))
    own = (asked & cells).sum(1) / asked.sum(1)

    def error(accuracies: Floats) -> float:
        return float(np.abs(100 * np.quantile(accuracies, quantiles.LEVELS) - truth).mean())

    return {
        "error": float(np.abs(value - truth).mean()),
        "error_rasch": error(rasch(asked, cells)),
        "error_average": error(own),
        "coverage90": float(conformal.inside(truth, low, high).mean()),
        "width90": float((high - low).mean()),
    }


def line(share: float, by_task: dict[str, list[dict[str, float]]]) -> Line:
    """The line for the table of all benchmarks; a seed's ratio is over all tasks."""

    def ratio(found: list[dict[str, float]]) -> float:
        return sum(row["error"] for row in found) / sum(row["error_rasch"] for row in found)

    seeds = [ratio([task[seed] for task in by_task.values()]) for seed in range(SEEDS)]
    return Line(
        claim=f"error of quantiles from {100 * share:.0f}% of the cells: ours / peer",
        peer="Rasch model, same cells",
        ratio=ratio([row for task in by_task.values() for row in task]),
        low=min(seeds), high=max(seeds), count=SEEDS, of="seeds",
        bound=f"quantiles {100 * share:.0f}%",
    )


def main() -> None:
    """Prints a line for each share of the cells, over all tasks and by task."""
    parser = argparse.ArgumentParser(description="Quantiles of accuracy under a budget")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    as_json = parser.parse_args().json
    engine = TransformersEngine(str(paths.BACKBONE))
    rows: dict[float, dict[str, list[dict[str, float]]]] = {s: {} for s in SHARES}
    shapes = {}
    for name in tqdm(TASKS, unit="task", disable=None):
        texts, cells, strata = evaluate(engine, name)
        shapes[name] = list(cells.shape)
        for share in SHARES:
            rows[share][name] = [
                compare(texts, cells, strata, share, seed) for seed in range(SEEDS)
            ]

    def mean(found: list[dict[str, float]]) -> dict[str, float]:
        made = {k: float(np.mean([row[k] for row in found])) for k in found[0]}
        return made | {
            "ratio_to_rasch": made["error"] / made["error_rasch"],
            "ratio_to_average": made["error"] / made["error_average"],
        }

    document = {
        "cells": shapes,
        "by_share": {
            str(share): mean([row for task in by_task.values() for row in task])
            | {"by_task": {name: mean(task) for name, task in by_task.items()}}
            for share, by_task in rows.items()
        },
    }
    lines = [line(share, by_task) for share, by_task in rows.items()]
    save("quantiles", lines)
    if as_json:
        print(json.dumps(document, indent=1))
    else:
        tell(document)
    hold(lines)


def tell(document: dict[str, Any]) -> None:
    """Prints the figures as text."""
    for share, found in document["by_share"].items():
        print(f"{100 * float(share):.0f}% of the cells")
        for name, row in {"all": found, **found["by_task"]}.items():
            shown = ", ".join(f"{k} {v:.2f}" for k, v in row.items() if k != "by_task")
            print(f"  {name}: {shown}")


if __name__ == "__main__":
    main()
