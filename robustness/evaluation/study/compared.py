"""Compares over tasks: aligned with original models, observed with unobserved instructions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation.study.analysis import DRAWS, members, nothing
from robustness.evaluation.study.cells import Cells
from robustness.evaluation.study.values import (
    ALL,
    OBSERVED,
    SETS,
    UNOBSERVED,
    DifferenceRow,
    GroupRow,
    InstructionRow,
    LineRow,
)
from robustness.stats import intervals, sensitivity, significance
from robustness.stats.intervals import BoolArray, Estimate

Pair = tuple[BoolArray, BoolArray]


def group_of(task: Task) -> str:
    """The group of datasets of Table 3 of [S1] that a task belongs to, or else its task type."""
    if task.id == "mmlu" or task.id.startswith("mmlu_"):
        return "MMLU"
    return f"BBL-{task.task_type}" if task.source.startswith("BIG-bench") else str(task.task_type)


def _by_condition(cells: Sequence[Cells], model: str) -> dict[str, dict[str, Cells]]:
    """Condition -> task -> answers of one model."""
    made: dict[str, dict[str, Cells]] = {}
    for one in cells:
        if one.model == model:
            made.setdefault(one.condition.label, {})[one.task.id] = one
    return made


def differences(
    cells: Sequence[Cells], original: str, aligned: Sequence[str], *, seed: int
) -> list[DifferenceRow]:
    """Accuracy of each aligned model minus the original, by task and set, then over all tasks.

    Args:
        cells: Answers of all models.
        original: Id of the original model.
        aligned: Ids of the aligned models.
        seed: Seed of the bootstrap.
    """
    rows = []
    base = _by_condition(cells, original)
    for model in aligned:
        for condition, mine in _by_condition(cells, model).items():
            for name in SETS:
                pairs: dict[str, Pair] = {}
                for task, one in mine.items():
                    chosen = members(one).get(name)
                    if chosen:
                        pairs[task] = (one.rows(chosen), base[condition][task].rows(chosen))
                asked = [(task, [pair]) for task, pair in pairs.items()]
                if len(pairs) > 1:
                    asked.append((ALL, list(pairs.values())))
                rows += [
                    DifferenceRow(
                        model=model, task=task, condition=condition, set=name,
                        instructions=sum(len(a) for a, _ in these),
                        inputs=sum(a.shape[1] for a, _ in these),
                        difference=intervals.paired_bootstrap_mean(
                            these, rng=np.random.default_rng(seed), draws=DRAWS
                        ).points,
                    )
                    for task, these in asked
                ]
    return rows


def tested(
    rows: Sequence[InstructionRow], cells: Sequence[Cells], original: str, *, seed: int
) -> list[InstructionRow]:
    """Adds to each aligned model's rows its difference from the original and its p-values.

    The p-value is McNemar's; Holm's correction is over a family: all tasks and instructions that
    one aligned model is tested on under one condition.

    Args:
        rows: One row per instruction.
        cells: Answers of all models.
        original: Id of the original model.
        seed: Seed of the bootstrap.
    """
    table = {(c.model, c.task.id, c.condition.label): c for c in cells}
    made = []
    families: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row.model == original:
            made.append(row)
            continue
        mine = table[row.model, row.task, row.condition]
        base = table[original, row.task, row.condition]
        place = [i.id for i in mine.instructions].index(row.instruction_id)
        found = intervals.paired_bootstrap(
            mine.rows([place]), base.rows([place]), rng=np.random.default_rng(seed), draws=DRAWS
        )
        families.setdefault((row.model, row.condition), []).append(len(made))
        made.append(
            replace(
                row, difference=found.points,
                p=significance.mcnemar(mine.correct[place], base.correct[place]),
            )
        )
    for family in families.values():
        adjusted = significance.holm([p for n in family if (p := made[n].p) is not None])
        for n, value in zip(family, adjusted, strict=True):
            made[n] = replace(made[n], p_holm=value)
    return made


def groups(
    cells: Sequence[Cells], near: Mapping[tuple[str, str], Mapping[str, tuple[float, str]]],
    *, seed: int,
) -> list[GroupRow]:
    """Rows of Tables 3 and 4 of [S1]: accuracy and distance by group of tasks, and over all tasks.

    Args:
        cells: Answers of all models.
        near: (model, task) -> nearest observed instructions, see `analysis.nearest_of`.
        seed: Seed of the bootstrap.
    """
    rows = []
    for model in dict.fromkeys(c.model for c in cells):
        for condition, by_task in _by_condition(cells, model).items():
            grouped: dict[str, list[Cells]] = {}
            for one in by_task.values():
                grouped.setdefault(group_of(one.task), []).append(one)
            if len(grouped) > 1:
                grouped[ALL] = list(by_task.values())
            for name, these in grouped.items():
                rows.append(_group(model, condition, name, these, near, seed))
    return rows


def _group(
    model: str, condition: str, name: str, cells: Sequence[Cells],
    near: Mapping[tuple[str, str], Mapping[str, tuple[float, str]]], seed: int,
) -> GroupRow:
    sides = {
        side: [c.rows(chosen) for c in cells if (chosen := members(c).get(side))]
        for side in (OBSERVED, UNOBSERVED)
    }
    both = [
        (c.rows(members(c)[UNOBSERVED]), c.rows(members(c)[OBSERVED]))
        for c in cells if {OBSERVED, UNOBSERVED} <= members(c).keys()
    ]
    difference = None
    if both:
        found = intervals.gap_mean(both, rng=np.random.default_rng(seed), draws=DRAWS)
        difference = found.points
    gaps = []
    for one in cells:
        known = near.get((model, one.task.id), {})
        of_task = [known[i.id][0] for i in one.instructions if not i.observed and i.id in known]
        if of_task:
            gaps.append(float(np.mean(of_task)))
    return GroupRow(
        model=model, condition=condition, group=name, tasks=len(cells),
        observed=mean(sides[OBSERVED], seed), observed_std=_std(sides[OBSERVED]),
        unobserved=mean(sides[UNOBSERVED], seed), unobserved_std=_std(sides[UNOBSERVED]),
        difference=difference, distance=float(np.mean(gaps)) if gaps else None,
    )


def mean(tables: Sequence[BoolArray], seed: int) -> Estimate | None:
    """Mean accuracy over tasks in points, with its bootstrap interval; None for no tables."""
    if not tables:
        return None
    return intervals.paired_bootstrap_mean(
        [(t, nothing()) for t in tables], rng=np.random.default_rng(seed), draws=DRAWS
    ).points


def _std(tables: Sequence[BoolArray]) -> float | None:
    """Mean over tasks of the sample standard deviation over instructions, in points."""
    each = [100 * float(np.std(t.mean(axis=1), ddof=1)) for t in tables if len(t) > 1]
    return float(np.mean(each)) if each else None


def lines(rows: Sequence[InstructionRow]) -> list[LineRow]:
    """Regression lines of degradation on distance over unobserved instructions (Fig. 5 of [S1])."""
    made = []
    for model, condition in dict.fromkeys((r.model, r.condition) for r in rows):
        known = [
            (r.distance, r.degradation.value) for r in rows
            if (r.model, r.condition) == (model, condition) and not r.observed
            and r.distance is not None and r.degradation is not None
        ]
        try:
            fit = sensitivity.line([x for x, _ in known], [y for _, y in known])
        except InputError:
            # Too few points for a line; the plot shows only the points.
            continue
        made.append(
            LineRow(
                model=model, condition=condition, n=fit.n, slope=fit.slope,
                intercept=fit.intercept, r=fit.r, p=fit.p, x=fit.x, low=fit.low, high=fit.high,
            )
        )
    return made
