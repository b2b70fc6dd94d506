"""Predicts degradation for black-box models, from a table of accuracies that a user measured.

The table has the columns instruction, task, model and accuracy; it may also say on how many inputs
a row was measured (`n`) and what the model answered to the same unlabelled inputs (`answers`).
Instructions are compared by their texts (`degradation/texts.py`), since the model cannot be run;
tiers, intervals and abstention are those of every prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.errors import InputError, NotFoundError
from robustness.models.sentence_encoder import Embed
from robustness.prediction.degradation import closed
from robustness.prediction.degradation.closed import Answers
from robustness.prediction.degradation.texts import MINIMUM, TextPredictor
from robustness.stats import intervals
from robustness.stats.percentile import percentile
from robustness.storage.tables import INSTRUCTION, read_table
from robustness.types import Nearest, Prediction, TaskSource, Tier, content_id

COLUMNS = (INSTRUCTION, "task", "model", "accuracy")
_FURTHER = ("n", "answers")
COVERAGE = 0.9
_Cell = tuple[str, str, str]
"""(task, model, instruction)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The accuracies of a table: of models under instructions, by task."""

    tables: Mapping[str, pd.DataFrame]
    """Task -> accuracies in points, (instructions, models); NaN: not measured."""
    errors: Mapping[int, str]
    """Row number -> why the row was left out."""
    answers: Mapping[_Cell, Answers] = field(default_factory=dict)
    inputs: Mapping[_Cell, int] = field(default_factory=dict)
    """Number of inputs behind an accuracy, where the table gives it."""

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
        """Predicts the degradation under an instruction from its text and further evidence.

        Args:
            text: The instruction.
            task: A task of the table; may be left out if there is only one.
            model: A model of the table; may be left out if the task has only one.
            k: Number of neighbours to show.
            answers: The model's answers to the unlabelled inputs of the column `answers` (tier 1).
            labelled: (correct answers, labelled inputs) under this instruction (tier 2).
            embed: A sentence encoder; by default texts are compared by their characters and words.

        Raises:
            NotFoundError: The table has no such task or model.
            InputError: The text is empty, task or model is ambiguous, or too few instructions were
                measured.
        """
        if not text.strip():
            raise InputError("the instruction is empty; write what the model should do")
        name = _one(task, list(self.tables), "task")
        table = self.tables[name]
        chosen = _one(model, [str(c) for c in table.columns], "model")
        known = table[chosen].dropna()
        if text in known.index:
            return self._known(text, name, chosen, known)
        return self._estimated(text, name, chosen, k, tuple(answers), labelled, embed)

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
        # Other models that were measured on enough of the same instructions are used as predictors.
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
                percentile=percentile(predictor.apart, float(distances[row])),
                accuracy=float(known.iloc[row]),
            )
            for row in order
        )
        # Labelled inputs are evidence on the instruction itself, so its distance does not matter.
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
    """Reads a table of measured accuracies; unusable rows are left out and named in `errors`.

    Accuracies are points (0 to 100), or shares (0 to 1) where none is above 1. Repeated
    measurements of the same model under the same instruction are averaged.

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
    """The answers in a cell, separated by |; letter case and spaces are normalized."""
    return tuple(" ".join(part.lower().split()) for part in cell.split("|"))


def share_of(text: str) -> tuple[int, int]:
    """(correct answers, labelled inputs) of a text such as "13/16".

    Raises:
        InputError: The text is not of that form.
    """
    first, _, second = text.partition("/")
    if not (first.strip().isdigit() and second.strip().isdigit()):
        raise InputError(f"{text!r} is no share of labelled inputs: write e.g. 13/16")
    return int(first), int(second)
