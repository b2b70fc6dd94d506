"""Accuracies that people measured themselves: evidence for models that nobody can look into.

Refuses to run a model: a table of (instruction, task, model, accuracy) is all there is. The
representation is one of the text (`degradation/texts.py`); tiers, intervals and abstention are
those of every prediction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from robustness.degradation.texts import TextPredictor
from robustness.errors import InputError, NotFoundError
from robustness.tables import INSTRUCTION, ROW_ERRORS, read_table
from robustness.types import Nearest, Prediction, TaskSource, Tier, content_id

COLUMNS = (INSTRUCTION, "task", "model", "accuracy")
COVERAGE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Instructions by task and what models reached under them."""

    tables: Mapping[str, pd.DataFrame]
    """Task -> instructions (index) by models (columns), points, NaN where not measured."""
    errors: Mapping[int, str]
    """Row number -> why the row was left out."""

    def predict(
        self, text: str, *, task: str | None = None, model: str | None = None, k: int = 5
    ) -> Prediction:
        """Degradation of an instruction from its text alone.

        Args:
            text: The instruction.
            task: One of the table's; may be left out where there is one.
            model: One of the table's; may be left out where the task has one.
            k: Neighbours to show.

        Raises:
            NotFoundError: No such task or model.
            InputError: The text is empty, the choice is not clear, or too little was measured.
        """
        if not text.strip():
            raise InputError("the instruction is empty; write what the model should do")
        name = _one(task, list(self.tables), "task")
        table = self.tables[name]
        chosen = _one(model, [str(c) for c in table.columns], "model")
        known = table[chosen].dropna()
        if text in known.index:
            return self._known(text, name, known)
        predictor = TextPredictor(
            [str(t) for t in known.index], known.to_numpy()[:, None], coverage=COVERAGE
        )
        made = predictor.predict([text])
        distances = predictor.distances([text])[0]
        order = np.argsort(distances, kind="stable")[:k]
        apart = predictor.apart
        nearest = tuple(
            Nearest(
                instruction_id=content_id("measured", name, str(known.index[row])),
                text=str(known.index[row]), collection="measured", task=name,
                distance=float(distances[row]),
                percentile=float(np.mean(apart < distances[row]) * 100.0),
                accuracy=float(known.iloc[row]),
            )
            for row in order
        )
        mean, inside = float(known.mean()), bool(made.in_support[0])
        basis = (
            f"The text alone, beside {len(known)} measured instructions of the task for {chosen}; "
            f"mean error with their clusters left out {predictor.left_out_error:.1f} points, "
            f"{predictor.left_out_error_mean:.1f} for their mean."
        )
        return Prediction(
            instruction_id=content_id("measured", name, text), task=name,
            task_source=TaskSource.GIVEN,
            degradation=mean - float(made.value[0, 0]) if inside else None,
            low=mean - float(made.high[0, 0]) if inside else None,
            high=mean - float(made.low[0, 0]) if inside else None,
            coverage=COVERAGE, tier=Tier.DISTANCE, in_support=inside, nearest=nearest,
            conflicts=(), basis=basis,
        )

    @staticmethod
    def _known(text: str, task: str, known: "pd.Series[float]") -> Prediction:
        loss = float(known.mean() - known[text])
        return Prediction(
            instruction_id=content_id("measured", task, text), task=task,
            task_source=TaskSource.GIVEN, degradation=loss, low=loss, high=loss, coverage=COVERAGE,
            tier=Tier.MEASURED, in_support=True, nearest=(), conflicts=(),
            basis="The table has this instruction; how many inputs it was measured on, and so an "
            "interval, it does not say.",
        )


def _one(asked: str | None, known: list[str], what: str) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    listed = ", ".join(known)
    if asked is None:
        raise InputError(f"the table has several {what}s, name one: {listed}")
    if asked not in known:
        raise NotFoundError(f"the table has no {what} {asked!r}; it has {listed}")
    return asked


def read(path: Path) -> Measured:
    """Reads a table; rows that cannot be used are left out and named in `errors`.

    Accuracies are points (0 to 100), or shares (0 to 1) where none is above 1. Repeated
    measurements of a cell are averaged.

    Raises:
        NotFoundError, CorruptFileError: See `tables.read_table`.
        InputError: A column is missing, or no row can be used.
    """
    table = read_table(path)
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise InputError(
            f"{path.name} has no column {missing[0]!r}; found: {', '.join(table.columns)}"
        )
    errors: dict[int, str] = dict(table.attrs[ROW_ERRORS])
    values = pd.to_numeric(table["accuracy"], errors="coerce")
    for number, (row, value) in enumerate(zip(table.to_dict("records"), values, strict=True)):
        empty = [c for c in COLUMNS if not str(row[c]).strip()]
        if number in errors:
            continue
        if empty:
            errors[number] = f"the cell {empty[0]!r} is empty"
        elif not 0 <= value <= 100:
            errors[number] = f"the accuracy {row['accuracy']!r} is no number from 0 to 100"
    kept = [n for n in range(len(table)) if n not in errors]
    if not kept:
        first = next(iter(errors.values()), "it has no rows")
        raise InputError(f"{path.name} has no usable row: {first}")
    good = table.iloc[kept].assign(accuracy=values.iloc[kept].astype(float))
    if good["accuracy"].max() <= 1:
        good["accuracy"] *= 100.0
    return Measured(
        tables={
            str(task): part.pivot_table(
                index=INSTRUCTION, columns="model", values="accuracy", aggfunc="mean"
            )
            for task, part in good.groupby("task")
        },
        errors=errors,
    )
