"""Reads the accuracies released with [S1], and converts the released folder into the shipped file.

Only accuracies and ids are copied, no text of an instruction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.evaluation.defaults import PUBLISHED_ACCURACIES as SHIPPED
from robustness.storage import files

NOTE = "provenance.json"
SCHEMA = 1
MODELS = (
    "Flan-T5-Small", "Flan-T5-Base", "Flan-T5-Large", "Flan-T5-XL", "Flan-T5-XXL",
    "Alpaca-7B", "Alpaca-13B", "T0-3B", "T0++",
)
KEY = ["dataset", "collection", "type", "id", "shots", "repeat"]
"""Columns that identify a row; `repeat` numbers rows that were released with two accuracies."""

_RELEASED = ("Model", "Dataset", "Collection", "Type", "ID", "Shots", "Performance", "Metric")
_PARTS = ("Main", "Scaling", "Shots", "Adversial")
_PENDING = "PD"
_METRIC = "Logits"
_SOURCE = (
    "Accuracy by (model, dataset, instruction) from the folder result_csv of the InstructionEval "
    "repository (Sun, Shaib and Wallace, Evaluating the Zero-shot Robustness of Instruction-tuned "
    "Language Models, 2023). Figures and ids only."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The released accuracies in the shipped layout, with their provenance."""

    table: pd.DataFrame
    """`KEY`, then one column per model: the accuracy in [0, 1] as released, as text; empty where
    the model was not measured."""
    note: dict[str, object]
    """The provenance, as a JSON document."""


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for part in _PARTS:
        if not (folder / part).is_dir():
            raise NotFoundError(
                f"{folder} has no folder {part!r}; give the InstructionEval folder result_csv"
            )
        for path in sorted((folder / part).rglob("*.csv")):
            yield path.relative_to(folder).as_posix(), path


def _lines(name: str, path: Path) -> pd.DataFrame:
    """The rows of one released file, accuracies as text."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [c for c in _RELEASED if c not in table.columns]
    if missing:
        raise CorruptFileError(f"{name} has no column {missing[0]!r}; download it again")
    strange = set(table["Metric"]) - {_METRIC}
    if strange:
        raise InputError(f"{name}: the metric {min(strange)!r} is unknown, wanted {_METRIC}")
    table = table[list(_RELEASED)].rename(columns=lambda c: "accuracy" if c == "Performance" else
                                          str(c).lower())
    table["repeat"] = table.groupby(["model", *KEY[:-1]]).cumcount()
    return table


def collect(folder: Path) -> Released:
    """Converts the released folder into the shipped layout.

    Args:
        folder: `result_csv`, or the folder that contains it.

    Raises:
        NotFoundError: A sub-folder is missing.
        CorruptFileError: A file lacks a column, or two files disagree about an accuracy.
        InputError: A model or a metric is unknown.
    """
    folder = folder / "result_csv" if (folder / "result_csv").is_dir() else folder
    tables = dict(_files(folder))
    lines = pd.concat([_lines(name, path) for name, path in tables.items()], ignore_index=True)
    unknown = set(lines["model"]) - set(MODELS)
    if unknown:
        raise InputError(f"the model {min(unknown)!r} is unknown; known: {', '.join(MODELS)}")
    # The two largest Flan-T5 models are in both Main and Scaling.
    lines = lines.drop_duplicates(["model", *KEY, "accuracy"])
    twice = lines[lines.duplicated(["model", *KEY])]
    if len(twice):
        cell = twice.iloc[0]
        raise CorruptFileError(
            f"two files disagree about {cell['model']} on {cell['dataset']}, {cell['collection']} "
            f"{cell['type']} {cell['id']}"
        )
    pending = lines["accuracy"] == _PENDING
    lines.loc[pending, "accuracy"] = ""
    for column in ("id", "shots"):
        lines[column] = lines[column].astype(int)
    wide = lines.set_index([*KEY, "model"])["accuracy"].unstack("model", fill_value="")
    table = wide.reindex(columns=list(MODELS), fill_value="").sort_index().reset_index()
    note = {
        "schema": SCHEMA,
        "source": _SOURCE,
        "unit": "accuracy in [0, 1], by option log-probabilities",
        "rows": len(table),
        "accuracies": int((table[list(MODELS)] != "").to_numpy().sum()),
        "pending": {
            "cells": int(pending.sum()),
            "why": f"released as {_PENDING!r}, shipped as empty: undefined is not zero",
            "models": sorted(set(lines.loc[pending, "model"])),
        },
        "left_out": "Improvement/*: lists of instructions without figures",
        "released_sha256": {name: files.file_hash(path) for name, path in tables.items()},
    }
    return Released(table=table, note=note)


def write_results(released: Released, path: Path = SHIPPED) -> None:
    """Writes the accuracies and, beside them, their provenance, atomically."""
    with files.atomic_path(path) as temporary:
        released.table.to_csv(temporary, index=False, lineterminator="\n")
    files.write_json(path.with_name(NOTE), released.note)


def read_results(path: Path = SHIPPED) -> pd.DataFrame:
    """Reads the shipped accuracies, one row per model and instruction.

    Returns:
        The columns `KEY`, `model` and `points`: accuracy in points (0 to 100).

    Raises:
        NotFoundError: There is no such file.
        CorruptFileError: A column is missing, a row is repeated, or a value is no accuracy.
    """
    again = "make it again: python -m robustness published build DIR"
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist; {again}")
    try:
        table = pd.read_csv(path)
    except ValueError as error:
        raise CorruptFileError(f"{path} is not a table ({error}); {again}") from error
    wanted = [*KEY, *MODELS]
    missing = [c for c in wanted if c not in table.columns]
    if missing:
        raise CorruptFileError(f"{path} has no column {missing[0]!r}; {again}")
    if table.duplicated(KEY).any():
        raise CorruptFileError(f"{path} has a cell twice; {again}")
    try:
        long = table.melt(KEY, list(MODELS), "model", "points").dropna(subset=["points"])
        long["points"] = long["points"].astype(float) * 100.0
    except ValueError as error:
        raise CorruptFileError(f"{path}: {error}; {again}") from error
    if not long["points"].between(0.0, 100.0).all():
        raise CorruptFileError(f"{path}: an accuracy is outside [0, 1]; {again}")
    return long.reset_index(drop=True)
