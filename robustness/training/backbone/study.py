"""Tables of a backbone's own evaluation in the format of the published ones, from its card.

No model is run; `python -m robustness backbone card` measures.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from scipy import stats

from robustness import paths
from robustness.data import instructions, label_conflicts
from robustness.data.tasks import builtin
from robustness.errors import CorruptFileError, InputError, NotFoundError
from robustness.evaluation.published import Figure, PublishedTable, TableRow
from robustness.models import papers
from robustness.storage import files
from robustness.training.backbone import card, data
from robustness.training.backbone.card import Gain, TaskAccuracy
from robustness.types import TaskType

NAMES = ("types", "tasks", "gains")
COVERAGE = 0.95
COMMAND = "python -m robustness backbone card"

_COLUMNS: Mapping[str, str] = {
    instructions.OBSERVED: "observed",
    instructions.UNOBSERVED_DEVELOPMENT: "unobserved_development",
    instructions.UNOBSERVED_TEST: "unobserved_test",
}
_LOST = (instructions.OBSERVED, instructions.UNOBSERVED_TEST)
_INTERVAL = (
    "instructions vary within their task and set (Welch's t from the standard deviations over "
    "instructions); tasks and inputs are fixed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The accuracies in a backbone's card."""

    model: str
    cells: tuple[TaskAccuracy, ...]
    gains: tuple[Gain, ...]
    sets: Mapping[str, str]
    """Collection -> SHA-256 of the file when it was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mean:
    """A weighted sum of mean accuracies, in points, with the variances of its terms."""

    value: float
    parts: tuple[tuple[float, int], ...] | None
    """(variance, degrees of freedom) of each term; None where one has no variance."""

    def figure(self, *, bounded: bool = False) -> Figure:
        """The value with its t interval.

        The variances of independent terms add up; the degrees of freedom of the sum follow Welch
        and Satterthwaite: (sum v)^2 / sum (v^2 / n).

        Args:
            bounded: Whether the interval is cut at 0 and 100, as for an accuracy.
        """
        total = sum(v for v, _ in self.parts or ())
        if not total or self.parts is None:
            return Figure(value=self.value)
        freedom = total**2 / sum(v**2 / n for v, n in self.parts)
        half = float(stats.t.ppf((1 + COVERAGE) / 2, freedom)) * math.sqrt(total)
        low, high = self.value - half, self.value + half
        if bounded:
            low, high = max(low, 0.0), min(high, 100.0)
        return Figure(value=self.value, low=low, high=high)


def _weighted(terms: Sequence[tuple[float, TaskAccuracy]]) -> _Mean:
    parts = [
        (weight**2 * cell.std**2 / cell.instructions, cell.instructions - 1)
        for weight, cell in terms
        if cell.std is not None
    ]
    return _Mean(
        value=sum(weight * cell.accuracy for weight, cell in terms),
        parts=tuple(parts) if len(parts) == len(terms) else None,
    )


def read_study(folder: Path) -> Study:
    """Reads the accuracies from a backbone's card.

    Args:
        folder: The folder of its card.

    Raises:
        NotFoundError: There is no card.
        MismatchError, CorruptFileError: The card was written by another version, or is malformed.
    """
    path = folder / "card.json"
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist; make it with: {COMMAND} --model {folder}")
    found = files.read_json(path, schema=card.SCHEMA)
    try:
        return Study(
            model=papers.model_id(folder),
            cells=tuple(TaskAccuracy(**c) for c in found["cells"]),
            gains=tuple(Gain(**g) for g in found["gains"]), sets=dict(found["instruction_sets"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{path} is not a card ({error}); {COMMAND} --model {folder} makes it again"
        ) from error


def conflicting(names: Collection[str]) -> list[str]:
    """Those of some tasks that have an unobserved-test instruction with a label conflict.

    They correspond to the artefacts of the published study, and are left out in the same way.
    """
    found = {
        i.task for i in instructions.builtin(instructions.UNOBSERVED_TEST)
        if i.task is not None and i.task in names
        and any(label_conflicts.find(i, e.options) for e in builtin(i.task).split("test")[:1])
    }
    return sorted(found)


def _by_task(made: Study) -> dict[str, dict[str, TaskAccuracy]]:
    tasks: dict[str, dict[str, TaskAccuracy]] = {}
    for cell in made.cells:
        tasks.setdefault(cell.task, {})[cell.collection] = cell
    return tasks


def _degradation(tasks: Sequence[Mapping[str, TaskAccuracy]]) -> _Mean:
    share = 1 / len(tasks)
    return _weighted(
        [(s * share, t[c]) for t in tasks for s, c in zip((1.0, -1.0), _LOST, strict=True)]
    )


def _artefact_note(left_out: Sequence[str], made: Study) -> str:
    note = (
        f"Without artefacts: without {', '.join(left_out)}, where an unobserved-test instruction "
        "asks for labels that the scorer does not read."
        if left_out
        else "No unobserved-test instruction of this study asks for labels that the scorer does "
        "not read, so nothing is left out without artefacts."
    )
    changed = [
        name for name, digest in made.sets.items()
        if files.file_hash(paths.INSTRUCTIONS / f"{name}.jsonl") != digest
    ]
    if changed:
        note += f" The card is older than {', '.join(changed)}: {COMMAND} makes it again."
    return note


def _table(
    name: str, title: str, interval: str, columns: tuple[str, ...], rows: Sequence[TableRow],
    footnotes: tuple[str, ...],
) -> PublishedTable:
    return PublishedTable(
        name=name, title=title, source="This backbone", decimals=1, interval=interval,
        coverage=COVERAGE, draws=0, seed=0, columns=columns, rows=tuple(rows), footnotes=footnotes,
    )


def types(made: Study) -> PublishedTable:
    """Accuracy by task type, as in Table 3, over the trained tasks (which have all sets)."""
    whole = {
        name: sets for name, sets in _by_task(made).items() if set(_COLUMNS) <= set(sets)
    }
    if not whole:
        raise InputError(f"the card has no task with all sets of instructions; run {COMMAND}")
    left_out = conflicting(whole)
    lines = []
    for kind in (*(str(t) for t in TaskType), "all"):
        chosen = {
            n: s for n, s in whole.items()
            if kind in ("all", s[instructions.OBSERVED].task_type)
        }
        if not chosen:
            continue
        sets = list(chosen.values())
        figures: dict[str, Figure] = {}
        for collection, column in _COLUMNS.items():
            cells = [s[collection] for s in sets]
            mean = _weighted([(1 / len(cells), c) for c in cells])
            figures[column] = mean.figure(bounded=True)
            spreads = [c.std for c in cells if c.std is not None]
            if len(spreads) == len(cells):
                figures[f"{column}_std"] = Figure(value=fmean(spreads))
        figures["degradation"] = _degradation(sets).figure()
        rest = [s for n, s in chosen.items() if n not in left_out]
        if rest:
            figures["without_artefacts"] = _degradation(rest).figure()
        group = f"all {len(sets)} tasks" if kind == "all" else kind
        lines.append(TableRow(name=made.model, group=group, figures=figures, notes=(1, 2)))
    columns = [c for column in _COLUMNS.values() for c in (column, f"{column}_std")]
    return _table(
        "own-types", "Accuracy under observed and unobserved instructions, mean over tasks",
        _INTERVAL, (*columns, "degradation", "without_artefacts"), lines,
        (
            "Degradation is observed minus unobserved-test, which is measured once for each "
            "released backbone and reported as it comes; unobserved-development chose the recipe. "
            f"Tasks that were never trained ({', '.join(data.UNSEEN_TASKS)}) have no observed "
            "instructions and are left out here.",
            _artefact_note(left_out, made),
        ),
    )


def tasks(made: Study) -> PublishedTable:
    """Accuracy and degradation by task and set of instructions."""
    found = _by_task(made)
    left_out = conflicting(found)
    lines = []
    for name, sets in found.items():
        figures: dict[str, Figure] = {}
        for collection, column in _COLUMNS.items():
            cell = sets.get(collection)
            if cell is None:
                continue
            figures[column] = Figure(value=cell.accuracy, low=cell.low, high=cell.high)
            if cell.std is not None:
                figures[f"{column}_std"] = Figure(value=cell.std)
        if set(_LOST) <= set(sets):
            figures["degradation"] = _degradation([sets]).figure()
            if name not in left_out:
                figures["without_artefacts"] = figures["degradation"]
        first = next(iter(sets.values()))
        figures["chance"] = Figure(value=first.chance)
        unseen = (3,) if name in data.UNSEEN_TASKS else ()
        lines.append(
            TableRow(name=name, group=first.task_type, figures=figures, notes=(1, 2, *unseen))
        )
    columns = [c for column in _COLUMNS.values() for c in (column, f"{column}_std")]
    return _table(
        "own-tasks", "Accuracy by task and set of instructions",
        f"of accuracies Wilson's over all answers, of degradation: {_INTERVAL}",
        (*columns, "degradation", "without_artefacts", "chance"), lines,
        (
            "Wilson's interval takes all answers as independent; those under one instruction are "
            "not, so the standard deviation over instructions says more about another one.",
            _artefact_note(left_out, made),
            "Never trained: it has no observed instructions, and nothing to lose.",
        ),
    )


def gains(made: Study) -> PublishedTable:
    """Gains of alignment by set of instructions and task type."""
    lines: dict[tuple[str, str], dict[str, Figure]] = {}
    for g in made.gains:
        group = "all" if g.task_type == "all" else g.task_type
        lines.setdefault((g.model, group), {})[_COLUMNS[g.collection]] = Figure(
            value=g.value, low=g.low, high=g.high
        )
    if not lines:
        raise NotFoundError(f"nothing was aligned when the card was made; {COMMAND} makes it again")
    return _table(
        "own-gains", "Accuracy of the aligned model minus the original's",
        "each task's instructions and inputs drawn again", tuple(_COLUMNS.values()),
        [
            TableRow(name=model, group=group, figures=figures, notes=(1, 2))
            for (model, group), figures in lines.items()
        ],
        (
            "Positive is better. Both models answered the same inputs under the same instructions; "
            "an interval that holds 0 shows no gain.",
            _artefact_note([], made)
            if not (found := conflicting({c.task for c in made.cells}))
            else f"{', '.join(found)}: an unobserved-test instruction asks for labels that the "
            "scorer does not read. The card has no gain by task, so they are not left out.",
        ),
    )


_TABLES = {"types": types, "tasks": tasks, "gains": gains}


def table(name: str, made: Study) -> PublishedTable:
    """One table.

    Args:
        name: One of `NAMES`.
        made: See `read_study`.

    Raises:
        NotFoundError: There is no such table, or the card has no data for it.
        InputError: The card lacks some of its data.
    """
    if name not in _TABLES:
        raise NotFoundError(f"no table {name!r}; there are {', '.join(NAMES)}")
    return _TABLES[name](made)
