"""Accuracy by kind of altered instruction, mean over tasks (Fig. 3 of [S1]).

The collection of an altered instruction is its kind. Does not make alterations; see
`perturbations.suites`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from robustness.evaluation.study import compared
from robustness.evaluation.study.analysis import Nearest, members
from robustness.evaluation.study.cells import Cells
from robustness.evaluation.study.values import OBSERVED, UNOBSERVED, AlterationRow
from robustness.stats.intervals import BoolArray

CLOSEST = "closest"


def _closest(cells: Cells, near: Nearest) -> BoolArray | None:
    """(U, N) answers under the observed instruction nearest to each of U unobserved ones."""
    places = {i.id: n for n, i in enumerate(cells.instructions)}
    rows = [
        places[near[i.id][1]] for i in cells.instructions
        if not i.observed and i.id in near and near[i.id][1] in places
    ]
    return cells.rows(rows) if rows else None


def rows(
    altered: Sequence[Cells],
    read: Sequence[Cells],
    near: Mapping[tuple[str, str], Nearest],
    *,
    seed: int,
) -> list[AlterationRow]:
    """Computes one row per model and kind; each mean is over the tasks that have the kind.

    Args:
        altered: Zero-shot answers under altered instructions; may be empty.
        read: Answers under the other instructions, of the same models and tasks.
        near: (model, task) -> nearest observed instructions, see `analysis.nearest_of`.
        seed: Seed of the bootstrap.
    """
    made: list[AlterationRow] = []
    for model in dict.fromkeys(c.model for c in altered):
        changed = {c.task.id: c for c in altered if c.model == model}
        tables: dict[str, list[BoolArray]] = {}
        guesses = []
        for one in read:
            if one.model != model or one.condition.shots or one.task.id not in changed:
                continue
            guesses.append(float(np.mean([1 / len(e.options) for e in one.examples])))
            sets = members(one)
            for side in (OBSERVED, UNOBSERVED):
                if side in sets:
                    tables.setdefault(side, []).append(one.rows(sets[side]))
            nearest = _closest(one, near.get((model, one.task.id), {}))
            if nearest is not None:
                tables.setdefault(CLOSEST, []).append(nearest)
        for one in changed.values():
            kinds: dict[str, list[int]] = {}
            for position, instruction in enumerate(one.instructions):
                kinds.setdefault(instruction.collection, []).append(position)
            for kind, positions in kinds.items():
                tables.setdefault(kind, []).append(one.rows(positions))
        for kind, found in tables.items():
            accuracy = compared.mean(found, seed)
            if accuracy is None:
                continue
            made.append(
                AlterationRow(
                    model=model, kind=kind, tasks=len(found),
                    instructions=sum(len(t) for t in found), accuracy=accuracy,
                    guess=100 * float(np.mean(guesses)) if guesses else None,
                )
            )
    return made
