"""A table of instructions -> a table of results (the CSV contract of DESIGN.md).

Refuses to know files' formats (`tables.py`) and to let one bad row cost the others.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from robustness.errors import CancelledError, EngineError, InputError, RobustnessError
from robustness.models import evaluator
from robustness.prediction.degradation import user_inputs
from robustness.stats import intervals
from robustness.storage.result_cache import Journal
from robustness.storage.tables import INSTRUCTION, ROW_ERRORS, csv_bytes, read_table, write_table
from robustness.types import Example, Prediction, content_id
from robustness.workbench import Workbench

__all__ = [
    "COLUMNS", "Ask", "Plan", "csv_bytes", "plan", "read_inputs", "read_table", "score",
    "score_file", "summary", "write_table",
]

COLUMNS = (
    "status", "error", "nearest_observed", "nearest_collection", "distance",
    "distance_percentile", "predicted_degradation", "low", "high", "tier", "in_support", "conflict",
    "output_original", "output_aligned", "agree", "accuracy_original", "accuracy_aligned",
    "difference", "difference_low", "difference_high", "p_holm",
)
"""What is added to the input's columns, in order; input columns of these names are replaced."""

Ask = Callable[[Callable[[], Any]], Any]
"""Calls what it is given, again where the engine does not answer; see `score`."""

_P = "p"
_SEED = 0
_MEASURED_ALONE = 2
"""Labelled inputs below which a difference has neither an interval nor a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One checked row of the input."""

    text: str
    task: str | None = None
    example: Example | None = None
    """None: all of the task's inputs, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What scoring a table would take."""

    rows: int
    calls: int
    """Prompts that the models would read."""
    bad_rows: int
    errors: Mapping[int, str] = field(default_factory=dict)
    """Row number -> what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a table."""

    out: str
    rows: int
    errors: int


def summary(scored: pd.DataFrame, out: Path) -> Summary:
    """Counts of a scored table."""
    return Summary(out=str(out), rows=len(scored), errors=int((scored["status"] == "error").sum()))


def _fields(text: str, names: tuple[str, ...]) -> dict[str, str]:
    """The input cell as fields: as it is for one field, a JSON object for several."""
    if len(names) == 1:
        return {names[0]: text}
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or set(found) != set(names):
        raise InputError(
            f"the task's input has the fields {', '.join(names)}: write it as a JSON object, e.g. "
            + json.dumps(dict.fromkeys(names, "..."))
        )
    return {name: str(found[name]) for name in names}


def example_of(
    workbench: Workbench, task: str | None, text: str, options: str, answer: str
) -> Example:
    """One input from a row's cells.

    Raises:
        InputError: Options are missing or fewer than two, the answer is not among them, or the
            input's fields are not the task's.
        NotFoundError: No such task.
    """
    chosen = workbench.task(task) if task else None
    names = chosen.fields if chosen else ("text",)
    own = tuple(dict.fromkeys(o.strip() for o in options.split("|") if o.strip()))
    answers = own or (chosen.options if chosen else ())
    if len(answers) < 2:
        raise InputError(
            f"an input needs at least two options, separated by |; found {options!r}"
        )
    if answer and answer not in answers:
        raise InputError(f"the answer {answer!r} is not among the options {', '.join(answers)}")
    return Example(
        task=chosen.id if chosen else "own", fields=_fields(text, names), options=answers,
        answer=answer or None,
    )


def read_inputs(workbench: Workbench, path: Path, task: str | None = None) -> list[Example]:
    """Somebody's own inputs: a table with `input`, and `options` where no task has them.

    Raises:
        InputError: A row is malformed; the message names it.
        NotFoundError, CorruptFileError: See `read_table`.
    """
    table = read_table(path, required="input")
    broken = table.attrs[ROW_ERRORS]
    examples = []
    for number, cells in enumerate(_rows(table)):
        value = {k: str(cells.get(k, "") or "").strip() for k in ("input", "options", "answer")}
        try:
            if number in broken:
                raise InputError(broken[number])
            examples.append(
                example_of(workbench, task, value["input"], value["options"], value["answer"])
            )
        except InputError as error:
            raise InputError(f"{path}, row {number + 1}: {error}") from error
    if not examples:
        raise InputError(f"{path} has no rows")
    return examples


def check(workbench: Workbench, cells: Mapping[str, object], broken: str | None) -> Row:
    """One row of the input, checked.

    Raises:
        RobustnessError: What is wrong with it.
    """
    if broken:
        raise InputError(broken)
    value = {k: str(cells.get(k, "") or "").strip() for k in ("task", "input", "options", "answer")}
    text = str(cells[INSTRUCTION] or "")
    if not text.strip():
        raise InputError("the instruction is empty")
    task = value["task"] or None
    if value["input"]:
        example = example_of(workbench, task, value["input"], value["options"], value["answer"])
        workbench.prompt(text, task=task, example=example)
        return Row(text=text, task=task, example=example)
    if value["options"] or value["answer"]:
        raise InputError("the row has options or an answer but no input")
    if task is not None:
        workbench.prompt(text, task=task, example=None)
    return Row(text=text, task=task)


def _models(workbench: Workbench) -> tuple[str, ...]:
    return (workbench.original, *workbench.aligned[:1])


def _calls(workbench: Workbench, row: Row) -> int:
    models = len(_models(workbench))
    if row.example is not None:
        return 1 + models if row.task is None else workbench.index().recipe.inputs + models
    if row.task is None:
        return 1
    chosen = workbench.task(row.task)
    known = chosen.id in workbench.index().tasks
    inputs = workbench.index().recipe.inputs if known else max(user_inputs.STEPS)
    return inputs + models * len(chosen.labelled)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict(orient="records")]


def plan(table: pd.DataFrame, workbench: Workbench) -> Plan:
    """What scoring a table would take, without asking a model.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: The original model has no fitting index.
    """
    workbench.index()
    calls, errors = 0, {}
    broken = table.attrs.get(ROW_ERRORS, {})
    for number, cells in enumerate(_rows(table)):
        try:
            calls += _calls(workbench, check(workbench, cells, broken.get(number)))
        except RobustnessError as error:
            errors[number] = str(error)
    return Plan(rows=len(table), calls=calls, bad_rows=len(errors), errors=errors)


def _predicted(made: Prediction) -> dict[str, Any]:
    nearest = made.nearest[0]
    return {
        "nearest_observed": nearest.text,
        "nearest_collection": nearest.collection,
        "distance": nearest.distance,
        "distance_percentile": nearest.percentile,
        "predicted_degradation": made.degradation,
        "low": made.low,
        "high": made.high,
        "tier": str(made.tier),
        "in_support": made.in_support,
        "conflict": " ".join(c.message for c in made.conflicts) or None,
    }


def _on_one_input(workbench: Workbench, row: Row, example: Example) -> dict[str, Any]:
    made = workbench.compare(
        row.text, task=row.task, example=example, models=_models(workbench)
    )
    outputs = [a.option for a in made.answers]
    cells: dict[str, Any] = {"output_original": outputs[0]}
    if len(outputs) > 1:
        cells |= {"output_aligned": outputs[1], "agree": made.agree}
    if example.answer is not None:
        right = [100.0 * (o == example.answer) for o in outputs]
        cells["accuracy_original"] = right[0]
        if len(right) > 1:
            cells |= {"accuracy_aligned": right[1], "difference": right[1] - right[0]}
    return cells


def _on_task(
    workbench: Workbench, row: Row, task: str, should_stop: Callable[[], bool] | None
) -> dict[str, Any]:
    runs = [
        workbench.records(row.text, task=task, model=m, should_stop=should_stop)
        for m in _models(workbench)
    ]
    original = evaluator.correctness(runs[0])
    cells: dict[str, Any] = {"accuracy_original": float(original.mean()) * 100.0}
    if len(runs) > 1:
        aligned = evaluator.correctness(runs[1])
        same = [a.answer == b.answer for a, b in zip(*runs, strict=True)]
        loss = intervals.paired_bootstrap(
            aligned[None, :], original[None, :], rng=np.random.default_rng(_SEED)
        )
        cells |= {
            "agree": float(np.mean(same)),
            "accuracy_aligned": float(aligned.mean()) * 100.0,
            "difference": loss.value * 100.0,
        }
        if len(original) >= _MEASURED_ALONE:
            cells |= {
                "difference_low": loss.low * 100.0,
                "difference_high": loss.high * 100.0,
                _P: intervals.mcnemar(aligned, original),
            }
    return cells


def _score_row(
    workbench: Workbench, row: Row, should_stop: Callable[[], bool] | None
) -> dict[str, Any]:
    inputs = None if row.task is not None or row.example is None else [row.example]
    cells = _predicted(workbench.predict(row.text, task=row.task, inputs=inputs))
    if row.example is not None:
        cells |= _on_one_input(workbench, row, row.example)
    elif row.task is not None:
        cells |= _on_task(workbench, row, row.task, should_stop)
    return {"status": "ok"} | cells


def score(
    table: pd.DataFrame,
    workbench: Workbench,
    *,
    journal: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> pd.DataFrame:
    """Scores every row; a bad one gets `status` error and its reason.

    Args:
        table: As `read_table` gives it.
        workbench: Whose original and first aligned model are compared.
        journal: Where finished rows are kept meanwhile; the caller removes it when the output is
            written.
        resume: Whether to take up a journal that is there.
        on_progress: Called with (rows done, rows).
        should_stop: Asked between rows and inside long ones.
        ask: How the engine is asked for a row; by default once. An EngineError of its ends the
            table, any other RobustnessError is the row's.

    Returns:
        The input's columns, then `COLUMNS`.

    Raises:
        CancelledError: `should_stop` said so; the journal keeps what is done.
        NotFoundError, MismatchError, CorruptFileError: The original model has no fitting index.
        EngineError: The engine stopped answering.
    """
    kept = Journal(journal, resume=resume)
    told = identity(workbench) if ask is None else ask(lambda: identity(workbench))
    results: list[dict[str, Any]] = []
    rows = asked(table)
    for row in rows:
        if should_stop is not None and should_stop():
            raise CancelledError(f"stopped after {row.number} of {len(rows)} rows")
        key = row.key(told)
        done = kept.get(key)
        if done is None:
            done = result(workbench, row, should_stop, ask)
            kept.keep(key, done)
        results.append(done)
        if on_progress is not None:
            on_progress(row.number + 1, len(rows))
    return joined(table, results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One row of the table as it stands there."""

    number: int
    cells: Mapping[str, Any]
    broken: str | None
    """How it is written wrongly."""

    def key(self, told: Sequence[str]) -> str:
        """Under which its result is kept: see `identity`."""
        return f"{self.number}:{content_id(self.cells, told)}"


def identity(workbench: Workbench) -> list[str]:
    """What a row's result depends on besides the row: the index and the served models.

    Raises:
        NotFoundError, MismatchError, CorruptFileError: See `Workbench.index`.
    """
    return [workbench.index().digest, *(str(m.spec) for m in workbench.engine.models())]


def asked(table: pd.DataFrame) -> list[Asked]:
    """The rows of a table as `read_table` gives it."""
    broken = table.attrs.get(ROW_ERRORS, {})
    return [
        Asked(number=number, cells=cells, broken=broken.get(number))
        for number, cells in enumerate(_rows(table))
    ]


def result(
    workbench: Workbench,
    row: Asked,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> dict[str, Any]:
    """What is added to one row; a bad one says what is wrong with it.

    Raises:
        CancelledError: `should_stop` said so.
        EngineError: The engine stopped answering.
    """
    def scored() -> dict[str, Any]:
        return _score_row(workbench, check(workbench, row.cells, row.broken), should_stop)

    try:
        made: dict[str, Any] = scored() if ask is None else ask(scored)
        return made
    except (CancelledError, EngineError):
        raise
    except RobustnessError as error:
        return {"status": "error", "error": str(error)}


def joined(table: pd.DataFrame, results: list[dict[str, Any]]) -> pd.DataFrame:
    """The table with its rows' results, in order, and what only all of them together give."""
    _adjust(results)
    rows = _rows(table)
    own = [str(c) for c in table.columns if c not in COLUMNS]
    joined = [
        {c: cells[c] for c in own} | {c: made.get(c) for c in COLUMNS}
        for cells, made in zip(rows, results, strict=True)
    ]
    return pd.DataFrame(joined, columns=[*own, *COLUMNS], dtype=object)


def _adjust(results: list[dict[str, Any]]) -> None:
    """Turns the rows' p-values into Holm's over the file."""
    tested = [r for r in results if r.get(_P) is not None]
    for row, value in zip(tested, intervals.holm([r[_P] for r in tested]), strict=True):
        row["p_holm"] = value


def score_file(
    source: Path,
    target: Path,
    workbench: Workbench,
    *,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ask: Ask | None = None,
) -> pd.DataFrame:
    """Reads, scores and writes; the journal lies beside the target until it is written.

    Raises: As `read_table`, `score` and `write_table`.
    """
    table = read_table(source)
    journal = target.with_name(f".{target.name}.journal")
    scored = score(
        table, workbench, journal=journal, resume=resume, on_progress=on_progress,
        should_stop=should_stop, ask=ask,
    )
    write_table(scored, target)
    journal.unlink(missing_ok=True)
    return scored
