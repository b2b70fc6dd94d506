"""Computes the statistics of each instruction and of each set of instructions, with intervals."""

from collections.abc import Sequence

import numpy as np

from robustness.data import label_conflicts
from robustness.evaluation.study import distances
from robustness.evaluation.study.cells import Cells
from robustness.evaluation.study.values import ALL, OBSERVED, UNOBSERVED, InstructionRow, SetRow
from robustness.stats import intervals, sensitivity
from robustness.stats.intervals import BoolArray, Estimate
from robustness.types import Instruction

DRAWS = 1000
"""Number of bootstrap samples."""
Nearest = dict[str, tuple[float, str]]
"""Instruction id -> distance to the nearest observed instruction, and the id of that one."""


def nothing() -> BoolArray:
    """A (1, 1) table of wrong answers; a difference from it is a table's own mean."""
    return np.zeros((1, 1), dtype=np.bool_)


def members(cells: Cells) -> dict[str, list[int]]:
    """Set -> positions of its instructions: `all`, `observed`, `unobserved`, then each collection.

    A collection that is equal to one of the first three is left out.
    """
    sets: dict[str, list[int]] = {ALL: list(range(len(cells.instructions)))}
    for position, instruction in enumerate(cells.instructions):
        side = OBSERVED if instruction.observed else UNOBSERVED
        for name in dict.fromkeys((side, instruction.collection)):
            sets.setdefault(name, []).append(position)
    head = [name for name in (ALL, OBSERVED, UNOBSERVED) if name in sets]
    more = [n for n in sets if n not in head and sets[n] not in [sets[h] for h in head]]
    return {name: sets[name] for name in [*head, *more]}


def instruction_rows(cells: Cells, near: Nearest, *, seed: int) -> list[InstructionRow]:
    """Computes one row per instruction.

    Args:
        cells: Answers of one model on one task under one condition.
        near: `distances.nearest` of the same model and task, zero-shot.
        seed: Seed of the bootstrap.
    """
    observed = [n for n, i in enumerate(cells.instructions) if i.observed]
    rows = []
    for position, instruction in enumerate(cells.instructions):
        correct = cells.correct[position]
        free = cells.generated_correct
        rows.append(
            InstructionRow(
                model=cells.model, task=cells.task.id, condition=cells.condition.label,
                instruction_id=instruction.id, text=instruction.text,
                collection=instruction.collection, observed=instruction.observed,
                inputs=len(correct),
                accuracy=intervals.wilson(int(correct.sum()), len(correct)).points,
                acc_norm=100 * float(cells.correct_per_byte[position].mean()),
                degradation=_degradation(cells, observed, position, seed),
                distance=near[instruction.id][0] if instruction.id in near else None,
                nearest=near[instruction.id][1] if instruction.id in near else None,
                conflict=_conflict(instruction, cells),
                free=None if free is None else intervals.wilson(
                    int(free[position].sum()), len(correct)
                ).points,
                unparsed=None if cells.generated is None else int(
                    (cells.generated[position] == sensitivity.UNPARSED).sum()
                ),
            )
        )
    return rows


def _degradation(
    cells: Cells, observed: Sequence[int], position: int, seed: int
) -> Estimate | None:
    if not observed:
        return None
    return intervals.paired_bootstrap(
        cells.rows(observed), cells.rows([position]), rng=np.random.default_rng(seed),
        draws=DRAWS,
    ).points


def _conflict(instruction: Instruction, cells: Cells) -> str | None:
    found = label_conflicts.find(instruction, cells.examples[0].options)
    return " ".join(c.message for c in found) or None


def set_rows(cells: Cells, *, seed: int) -> list[SetRow]:
    """Computes one row per set of instructions.

    Args:
        cells: Answers of one model on one task under one condition.
        seed: Seed of the bootstrap.
    """
    return [_set(cells, name, chosen, seed) for name, chosen in members(cells).items()]


def _set(cells: Cells, name: str, chosen: list[int], seed: int) -> SetRow:
    correct = cells.rows(chosen)
    by_instruction = [float(a) * 100 for a in correct.mean(axis=1)]
    several = len(chosen) > 1
    free = cells.generated_correct
    unparsed = None
    if cells.generated is not None:
        unparsed = int((cells.generated[chosen] == sensitivity.UNPARSED).sum())
    return SetRow(
        model=cells.model, task=cells.task.id, condition=cells.condition.label, set=name,
        instructions=len(chosen), inputs=len(cells.examples),
        accuracy=intervals.paired_bootstrap(
            correct, nothing(), rng=np.random.default_rng(seed), draws=DRAWS
        ).points,
        acc_norm=100 * float(cells.correct_per_byte[chosen].mean()),
        chance=100 * float(np.mean([1.0 / len(e.options) for e in cells.examples])),
        mass=100 * float(cells.mass[chosen].mean()),
        std=float(np.std(by_instruction, ddof=1)) if several else None,
        spread=sensitivity.spread(by_instruction) if several else None,
        cvar10=sensitivity.worst_mean(by_instruction),
        worst=min(by_instruction),
        worst_case=100 * sensitivity.worst_case(correct),
        consistency=sensitivity.consistency(cells.answers(chosen)) if several else None,
        pss=sensitivity.pss(correct) if several else None,
        posix=cells.posix(chosen),
        free=None if free is None else 100 * float(free[chosen].mean()),
        unparsed=unparsed,
        generated=None if cells.generated is None else correct.size,
    )


def nearest_of(cells: Sequence[Cells]) -> dict[tuple[str, str], Nearest]:
    """(model, task) -> nearest observed instructions, computed from the zero-shot answers."""
    return {
        (c.model, c.task.id): distances.nearest(c) for c in cells if not c.condition.shots
    }
