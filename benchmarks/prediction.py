"""Measures predictions of the accuracy under held-out paraphrases, against named peers.

`python benchmarks/prediction.py DIR [--json]`: DIR has files in the format of Mizrahi et al.
(2024), in it or one folder below: {"paraphrases": {id: {template, correct, accs: {model: 0..1}}}}.

Protocol: paraphrases judged correct; within a task, clusters by average linkage on the cosine
distance of character TF-IDF (char_wb, 2 to 4) cut at 0.5; min(10, clusters) folds of whole
clusters, cluster ids permuted by numpy.random.default_rng(0); every model's held-out fold is
predicted from the other folds. MAE and Spearman cover every row, coverage and width the rows not
abstained. `transfer_*`: the held-out paraphrases' accuracies on the other models are known.
Structure was chosen on the BBH folder; weights come from marginal likelihood in the other folds.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from robustness import threads

threads.settle()

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from table import Line, hold, save  # noqa: E402
from tqdm import tqdm  # noqa: E402

from robustness.errors import InputError  # noqa: E402
from robustness.prediction.degradation import conformal, folds  # noqa: E402
from robustness.prediction.degradation.texts import Estimates, TextPredictor  # noqa: E402
from robustness.stats import near_duplicates  # noqa: E402

Floats = npt.NDArray[np.float64]
Figures = dict[str, float | int | None]
NEIGHBOURS = 5


@dataclass(frozen=True)
class Rows:
    """The paraphrases of a task, with accuracies (N, M) in points; NaN: not measured."""

    name: str
    texts: list[str]
    models: list[str]
    accuracies: Floats


@dataclass(frozen=True)
class Predicted:
    """The predictions of each predictor for a task, (N, M) points; `in_support` is (N,)."""

    rows: Rows
    task_mean: Floats
    neighbours: Floats
    alone: Estimates
    transfer: Estimates


def read(folder: Path) -> Iterator[Rows]:
    """The tasks of a folder, in order of their names."""
    files = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])
    if not files:
        sys.exit(f"error: {folder} has no .json file, nor has a folder in it")
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))["paraphrases"].values()
            kept = [row for row in found if row["correct"] and row.get("accs")]
            models = sorted({model for row in kept for model in row["accs"]})
            texts = [str(row["template"]) for row in kept]
            accuracies = 100 * np.array(
                [[row["accs"].get(model, np.nan) for model in models] for row in kept], dtype=float
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            sys.exit(f"error: {file}: not in the format of multi_prompt ({error!r})")
        yield Rows(name=file.stem, texts=texts, models=models, accuracies=accuracies)


def nearest(known: list[str], accuracies: Floats, texts: list[str]) -> Floats:
    """(K, M) mean of the five nearest measured paraphrases on character TF-IDF."""
    every = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit([*known, *texts])
    alike = (every.transform(texts) @ every.transform(known).T).toarray()
    order = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]
    mean = np.nanmean(accuracies, 0)
    return np.nanmean(np.where(np.isnan(accuracies), mean, accuracies)[order], axis=1)


def predict(rows: Rows) -> Predicted:
    """Predicts every paraphrase of a task by predictors that were not fitted on its cluster."""
    shape = rows.accuracies.shape
    made = {
        name: Estimates(
            value=np.empty(shape), low=np.empty(shape), high=np.empty(shape),
            distance=np.empty(shape[0]), in_support=np.empty(shape[0], dtype=bool),
        )
        for name in ("alone", "transfer")
    }
    means, neighbours = np.empty(shape), np.empty(shape)
    groups = near_duplicates.clusters(rows.texts)
    for fitted, mask in folds.splits(groups, 10, seed=0):
        known = [rows.texts[n] for n in fitted]
        asked = [rows.texts[n] for n in mask]
        mean = np.nanmean(rows.accuracies[fitted], 0)
        means[mask] = mean
        neighbours[mask] = nearest(known, rows.accuracies[fitted], asked)
        try:
            predictor = TextPredictor(known, rows.accuracies[fitted])
        except InputError:
            # Too few paraphrases or clusters are left to learn from: the mean, and no interval.
            for estimates in made.values():
                estimates.value[mask], estimates.low[mask], estimates.high[mask] = mean, 0.0, 100.0
                estimates.distance[mask], estimates.in_support[mask] = np.nan, False
            continue
        for name, others in (("alone", None), ("transfer", rows.accuracies[mask])):
            estimates = predictor.predict(asked, others=others)
            for field in ("value", "low", "high", "distance", "in_support"):
                getattr(made[name], field)[mask] = getattr(estimates, field)
    return Predicted(rows, means, neighbours, made["alone"], made["transfer"])


def figures(predicted: list[Predicted], model: str | None) -> Figures:
    """The printed figures, over all models or for one."""

    def gather(pick: str, of: str | None = None) -> Floats:
        parts = []
        for task in predicted:
            value = getattr(task, pick) if of is None else getattr(getattr(task, pick), of)
            by_row = np.reshape(value, (len(task.rows.texts), -1))
            parts.append(np.broadcast_to(by_row, truth(task).shape)[wanted(task)])
        return np.concatenate(parts)

    def truth(task: Predicted) -> Floats:
        return task.rows.accuracies

    def wanted(task: Predicted) -> npt.NDArray[np.bool_]:
        named = np.array([model in (None, name) for name in task.rows.models])
        return ~np.isnan(truth(task)) & named

    measured = np.concatenate([truth(task)[wanted(task)] for task in predicted])
    made: Figures = {
        "rows": len(measured),
        "mae": float(np.abs(gather("alone", "value") - measured).mean()),
        "mae_task_mean": float(np.abs(gather("task_mean") - measured).mean()),
        "mae_knn5_char_tfidf": float(np.abs(gather("neighbours") - measured).mean()),
    }
    made["ratio_to_knn5"] = made["mae"] / made["mae_knn5_char_tfidf"]  # type: ignore[operator]
    for prefix, pick in (("", "alone"), ("transfer_", "transfer")):
        value, low, high = (gather(pick, f) for f in ("value", "low", "high"))
        kept = gather(pick, "in_support").astype(bool)
        inside = conformal.inside(measured, low, high)
        varies = np.ptp(value) > 0 and np.ptp(measured) > 0
        made |= {
            f"{prefix}mae": float(np.abs(value - measured).mean()),
            f"{prefix}spearman": float(spearmanr(value, measured).statistic) if varies else None,
            f"{prefix}coverage90": float(inside[kept].mean()) if kept.any() else None,
            f"{prefix}width90": float((high - low)[kept].mean()) if kept.any() else None,
            f"{prefix}abstained": float(1 - kept.mean()),
        }
    return made


def lines(overall: Figures, by_task: dict[str, Figures]) -> list[Line]:
    """The lines for the table of all benchmarks: over all rows, and the worst task."""
    ratios = {name: float(found["ratio_to_knn5"] or 0.0) for name, found in by_task.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    low, high, peer = min(ratios.values()), max(ratios.values()), "5 nearest by characters"
    return [
        Line(
            claim="error of predicted accuracy, texts and paraphrases: ours / peer", peer=peer,
            ratio=float(overall["ratio_to_knn5"] or 0.0), low=low, high=high, count=len(ratios),
            of="tasks", bound="prediction",
        ),
        Line(
            claim=f"the same on the worst task ({worst}): ours / peer", peer=peer,
            ratio=ratios[worst], low=low, high=high, count=len(ratios), of="tasks",
            bound="prediction, worst task",
        ),
    ]


def main() -> None:
    """Prints the figures, overall and by model."""
    parser = argparse.ArgumentParser(description="Prediction of accuracy from measured paraphrases")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    tasks = list(read(arguments.folder))
    predicted = []
    for rows in tqdm(tasks, unit="task", disable=None):
        try:
            predicted.append(predict(rows))
        except InputError as error:
            print(f"{rows.name} left out: {error}", file=sys.stderr)
    if not predicted:
        sys.exit("error: no task has two clusters of paraphrases to hold one out of")
    models = sorted({model for p in predicted for model in p.rows.models})
    document = {
        "overall": figures(predicted, None),
        "by_model": {
            m: figures([p for p in predicted if m in p.rows.models], m) for m in models
        },
        "by_task": {p.rows.name: figures([p], None) for p in predicted},
    }
    made = lines(document["overall"], document["by_task"])
    save("prediction", made)
    if arguments.json:
        print(json.dumps(document, indent=1))
    else:
        tell(document)
    hold(made)


def tell(document: dict[str, Any]) -> None:
    """Prints the figures as text."""
    for title, part in (
        ("overall", {"": document["overall"]}),
        ("by model", document["by_model"]),
        ("by task", document["by_task"]),
    ):
        print(title)
        for name, row in part.items():
            shown = ", ".join(
                f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()
            )
            print(f"  {name}: {shown}" if name else f"  {shown}")


if __name__ == "__main__":
    main()
