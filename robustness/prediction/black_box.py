"""Accuracies that people measured themselves: evidence for models that nobody can look into.

Refuses to run a model: a table of (instruction, task, model, accuracy) is all there is. The
representation is one of the text (`degradation/texts.py`); tiers, intervals and abstention are
those of every prediction. A table may also say on how many inputs a row was measured (`n`) and what
the model answered to the same unlabelled inputs (`answers`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.errors import InputError, NotFoundError
from robustness.prediction.degradation import closed
from robustness.prediction.degradation.closed import Answers
from robustness.prediction.degradation.texts import MINIMUM, Embed, TextPredictor
from robustness.stats import intervals
from robustness.storage.tables import INSTRUCTION, read_table
from robustness.types import FloatArray, Nearest, Prediction, TaskSource, Tier, content_id

COLUMNS = (INSTRUCTION, "task", "model", "accuracy")
_FURTHER = ("n", "answers")
COVERAGE = 0.9
_Cell = tuple[str, str, str]
"""Task, model, instruction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Instructions by task and what models reached under them."""

    tables: Mapping[str, pd.DataFrame]
    """Task -> instructions (index) by models (columns), points, NaN where not measured."""
    errors: Mapping[int, str]
    """Row number -> why the row was left out."""
    answers: Mapping[_Cell, Answers] = field(default_factory=dict)
    inputs: Mapping[_Cell, int] = field(default_factory=dict)
    """How many inputs a cell was measured on, where the table says so."""

    def predict(
        self,
        text: str,
        *,
        task: str | None = None,
        model: str | None = None,
        k: int = 5,
        answers: Sequence[str] = (),
        labelled: tuple[int, int] | None = None,
        embed: Embed | None = None,
    ) -> Prediction:
        """Degradation of an instruction from its text, and from what else is known of it.

        Args:
            text: The instruction.
            task: One of the table's; may be left out where there is one.
            model: One of the table's; may be left out where the task has one.
            k: Neighbours to show.
            answers: The model's to the unlabelled inputs of the table's `answers` (tier 1).
            labelled: Labelled inputs that it answered rightly, and how many there were (tier 2).
            embed: A sentence encoder; by default texts are compared by their characters and words.

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
            return self._known(text, name, chosen, known)
        return self._estimated(text, name, chosen, k, tuple(answers), labelled, _memory(embed))

    def _estimated(
        self,
        text: str,
        task: str,
        model: str,
        k: int,
        answers: Answers,
        labelled: tuple[int, int] | None,
        embed: Embed | None,
    ) -> Prediction:
        table = self.tables[task]
        rows = table[table[model].notna()]
        # Models with enough measurements of the same instructions may say something of this one.
        peers = [c for c in rows.columns if rows[c].notna().sum() >= MINIMUM or c == model]
        rows = rows[peers]
        column, known = peers.index(model), rows[model]
        elsewhere = table.loc[text, peers] if text in table.index else None
        transferred = elsewhere is not None and bool(elsewhere.notna().any())
        if not transferred:
            rows, column = rows[[model]], 0
        texts = [str(t) for t in rows.index]
        predictor = TextPredictor(texts, rows.to_numpy(float), coverage=COVERAGE, embed=embed)
        others = None
        if transferred and elsewhere is not None:
            others = elsewhere.to_numpy(float)[None, :]
        made = predictor.predict([text], others=others)
        distances = predictor.distances([text])[0]
        value, low, high = (float(x[0, column]) for x in (made.value, made.low, made.high))
        tier, error = Tier.DISTANCE, predictor.left_out_error
        stands = "The text" + (" and what other models reach under it" if transferred else "")
        left_out, used = predictor.left_out[:, column], np.arange(len(texts))
        if answers:
            refined = closed.with_answers(
                value, answers, distances, accuracies=known.to_numpy(float), left_out=left_out,
                known=[self.answers.get((task, model, t)) for t in texts],
                between=predictor.distances(texts), groups=predictor.groups, coverage=COVERAGE,
            )
            value, low, high, tier = refined.value, refined.low, refined.high, Tier.PROBES
            left_out, used, error = refined.left_out, refined.rows, refined.error
            stands += f" and the answers to {len(answers)} unlabelled inputs"
        if labelled is not None:
            refined = closed.with_labels(
                value, *labelled, accuracies=known.to_numpy(float)[used], left_out=left_out,
                rows=used, coverage=COVERAGE,
            )
            value, low, high, tier = refined.value, refined.low, refined.high, Tier.LABELLED
            error = refined.error
            stands = (
                f"Accuracy on {labelled[1]} labelled inputs ({labelled[0]} right), drawn towards "
                f"{stands[0].lower()}{stands[1:]}"
            )
        order = np.argsort(distances, kind="stable")[:k]
        nearest = tuple(
            Nearest(
                instruction_id=content_id("measured", task, texts[row]), text=texts[row],
                collection="measured", task=task, distance=float(distances[row]),
                percentile=float(np.mean(predictor.apart < distances[row]) * 100.0),
                accuracy=float(known.iloc[row]),
            )
            for row in order
        )
        # Labelled inputs speak for the instruction itself, however far away it lies.
        inside = bool(made.in_support[0]) or tier is Tier.LABELLED
        mean = float(known.mean())
        return Prediction(
            instruction_id=content_id("measured", task, text), task=task,
            task_source=TaskSource.GIVEN, degradation=mean - value if inside else None,
            low=mean - high if inside else None, high=mean - low if inside else None,
            coverage=COVERAGE, tier=tier, in_support=inside, nearest=nearest, conflicts=(),
            basis=f"{stands}, beside {len(known)} measured instructions of the task for {model}; "
            f"mean error with their clusters left out {error:.1f} points, "
            f"{predictor.left_out_error_mean:.1f} for their mean.",
        )

    def _known(
        self, text: str, task: str, model: str, known: "pd.Series[float]"
    ) -> Prediction:
        mean, own = float(known.mean()), float(known[text])
        n = self.inputs.get((task, model, text))
        low = high = mean - own
        basis = (
            "The table has this instruction; on how many inputs it was measured, and so an "
            "interval, it does not say (column `n`)."
        )
        if n:
            interval = intervals.wilson(round(own * n / 100.0), n, coverage=COVERAGE)
            low, high = mean - 100.0 * interval.high, mean - 100.0 * interval.low
            basis = f"The table has this instruction: it was measured on {n} inputs."
        return Prediction(
            instruction_id=content_id("measured", task, text), task=task,
            task_source=TaskSource.GIVEN, degradation=mean - own, low=low, high=high,
            coverage=COVERAGE, tier=Tier.MEASURED, in_support=True, nearest=(), conflicts=(),
            basis=basis,
        )


def _memory(embed: Embed | None) -> Embed | None:
    """The encoder, asked once for each text."""
    if embed is None:
        return None
    known: dict[str, FloatArray] = {}

    def remembered(texts: Sequence[str]) -> FloatArray:
        new = [t for t in dict.fromkeys(texts) if t not in known]
        if new:
            known.update(zip(new, embed(new), strict=True))
        return np.stack([known[t] for t in texts])

    return remembered


def _one(asked: str | None, known: list[str], what: str) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    listed = ", ".join(known)
    if asked is None:
        raise InputError(f"the table has several {what}s, name one: {listed}")
    if asked not in known:
        raise NotFoundError(f"the table has no {what} {asked!r}; it has {listed}")
    return asked


def _fault(row: Mapping[str, Any], value: float) -> str | None:
    empty = [c for c in COLUMNS if not str(row[c]).strip()]
    if empty:
        return f"the cell {empty[0]!r} is empty"
    if not 0 <= value <= 100:
        return f"the accuracy {row['accuracy']!r} is no number from 0 to 100"
    n = str(row.get("n", "")).strip()
    if n and not (n.removesuffix(".0").isdigit() and float(n) > 0):
        return f"n is {n!r}, not the number of inputs that it was measured on"
    return None


def read(path: Path) -> Measured:
    """Reads a table; rows that cannot be used are left out and named in `errors`.

    Accuracies are points (0 to 100), or shares (0 to 1) where none is above 1. Repeated
    measurements of a cell are averaged.

    Raises:
        NotFoundError, CorruptFileError: See `tables.read_table`.
        InputError: A column is missing, or no row can be used.
    """
    read = read_table(path, names=(*COLUMNS, *_FURTHER))
    table = pd.DataFrame([row.cells for row in read.rows], columns=list(read.columns), dtype=object)
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise InputError(
            f"{path.name} has no column {missing[0]!r}; found: {', '.join(table.columns)}"
        )
    errors = {row.number: row.broken for row in read.rows if row.broken}
    values = pd.to_numeric(table["accuracy"], errors="coerce")
    records = [row.cells for row in read.rows]
    for number, (row, value) in enumerate(zip(records, values, strict=True)):
        fault = _fault(row, float(value)) if number not in errors else None
        if fault is not None:
            errors[number] = fault
    kept = [n for n in range(len(table)) if n not in errors]
    if not kept:
        first = next(iter(errors.values()), "it has no rows")
        raise InputError(f"{path.name} has no usable row: {first}")
    good = table.iloc[kept].assign(accuracy=values.iloc[kept].astype(float))
    if good["accuracy"].max() <= 1:
        good["accuracy"] *= 100.0
    answers: dict[_Cell, Answers] = {}
    inputs: dict[_Cell, int] = {}
    for row in (records[n] for n in kept):
        cell = (str(row["task"]), str(row["model"]), str(row[INSTRUCTION]))
        if str(row.get("answers", "")).strip():
            answers[cell] = answers_of(str(row["answers"]))
        if str(row.get("n", "")).strip():
            inputs[cell] = inputs.get(cell, 0) + int(float(row["n"]))
    return Measured(
        tables={
            str(task): part.pivot_table(
                index=INSTRUCTION, columns="model", values="accuracy", aggfunc="mean"
            )
            for task, part in good.groupby("task")
        },
        errors=errors, answers=answers, inputs=inputs,
    )


def answers_of(cell: str) -> Answers:
    """Answers to the same inputs, in one cell: separated by |, case and space evened out."""
    return tuple(" ".join(part.lower().split()) for part in cell.split("|"))


def share_of(text: str) -> tuple[int, int]:
    """Right answers and labelled inputs of "13/16".

    Raises:
        InputError: It is not of that form.
    """
    first, _, second = text.partition("/")
    if not (first.strip().isdigit() and second.strip().isdigit()):
        raise InputError(f"{text!r} is no share of labelled inputs: write e.g. 13/16")
    return int(first), int(second)
