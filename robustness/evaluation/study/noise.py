"""Measures the noise floor of an evaluation and puts it beside its differences.

Some prompts are asked again, alone and in another order, and their answers are compared with those
of the evaluation, which asks in batches: repeatability. How far differences move with other inputs
comes from the evaluation's own answers: sampling. See `stats.noise`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from robustness.errors import InputError
from robustness.evaluation.study.analysis import members
from robustness.evaluation.study.cells import Cells
from robustness.evaluation.study.compared import group_of
from robustness.evaluation.study.perturbed import Forms
from robustness.evaluation.study.plan import Part, Plan
from robustness.evaluation.study.run import JOURNAL
from robustness.evaluation.study.values import (
    ALL,
    OBSERVED,
    UNOBSERVED,
    DifferenceRow,
    GroupRow,
    InstructionRow,
    NoiseRow,
    Study,
    SurfaceRow,
)
from robustness.models.engine import Engine, ModelInfo
from robustness.stats import noise
from robustness.stats.noise import Floats, NoiseFloor
from robustness.storage.result_cache import Journal
from robustness.types import Instruction, Prompt, content_id

DEGRADATION = "degradation"
DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """How many answers changed when some of an evaluation's prompts were asked again."""

    prompts: int
    alone: int
    """Answers that changed when each prompt was asked alone."""
    reordered: int
    """Answers that changed when the prompts were asked together, in another order."""
    elsewhere: int = 0
    """Answers that another evaluation, on another engine or number type, gave otherwise."""
    compared: int = 0
    """Number of answers that both evaluations gave."""

    @property
    def share(self) -> float:
        """The largest share of changed answers, in [0, 1]."""
        return max(
            max(self.alone, self.reordered) / max(1, self.prompts),
            self.elsewhere / max(1, self.compared),
        )


Changed = Mapping[str, Repeated]
"""Model -> what asking again changed."""


def ask_again(
    engine: Engine, plan: Plan, read: Sequence[Cells], folder: Path, *, seed: int
) -> dict[str, Repeated]:
    """Asks some zero-shot prompts of each model again; what is known from before is not asked.

    Args:
        engine: The engine of the evaluation.
        plan: Its plan.
        read: Its answers.
        folder: Its folder, whose journal keeps the answers.
        seed: Seed of the other order.

    Raises:
        EngineError: The engine cannot answer at present.
    """
    journal = Journal(folder / JOURNAL, resume=True)
    made = {}
    for model in engine.models():
        prompts, before, sizes = _chosen(plan, [c for c in read if c.model == model.id])
        if not prompts:
            continue
        order = [int(n) for n in np.random.default_rng(seed).permutation(len(prompts))]
        turned = _scores(engine, model, [prompts[n] for n in order], journal, together=True)
        alone = _scores(engine, model, prompts, journal, together=False)
        made[model.id] = Repeated(
            prompts=len(prompts),
            # A prompt may have the label words of other instructions behind its own, for POSIX.
            alone=sum(
                int(np.argmax(alone[n][: sizes[n]])) != before[n] for n in range(len(prompts))
            ),
            reordered=sum(
                int(np.argmax(row[: sizes[n]])) != before[n]
                for n, row in zip(order, turned, strict=True)
            ),
        )
    return made


def compared_with(
    repeated: Changed, read: Sequence[Cells], other: pd.DataFrame
) -> dict[str, Repeated]:
    """Adds the answers that another evaluation gave to the same instructions and inputs.

    Args:
        repeated: What asking again changed.
        read: The answers of this evaluation.
        other: The records of the other one.

    Raises:
        InputError: It has no answer of these models to the same instructions and inputs.
    """
    keys = ["model", "task", "shots", "draw", "instruction_id", "example_id"]
    rows = [
        (c.model, c.task.id, c.condition.shots, c.condition.draw, i.id, e.id,
         e.options[c.chosen[k, n]])
        for c in read for k, i in enumerate(c.instructions) for n, e in enumerate(c.examples)
    ]
    both = pd.DataFrame(rows, columns=[*keys, "now"]).merge(other[[*keys, "answer"]], on=keys)
    if both.empty:
        raise InputError(
            "the other evaluation has no answer of these models to the same instructions and "
            "inputs; give both the same tasks, instructions and limit"
        )
    made = dict(repeated)
    for model, answers in both.groupby("model"):
        known = made.get(str(model), Repeated(prompts=0, alone=0, reordered=0))
        made[str(model)] = replace(
            known, compared=len(answers), elsewhere=int((answers["now"] != answers["answer"]).sum())
        )
    return made


def _chosen(
    plan: Plan, read: Sequence[Cells]
) -> tuple[list[Prompt], list[int], list[int]]:
    """Prompts of one instruction of each task, the options chosen, and the numbers of options."""
    parts = {p.task.id: p for p in plan.parts if not p.condition.shots}
    known = {c.task.id: c for c in read if not c.condition.shots and c.task.id in parts}
    prompts: list[Prompt] = []
    chosen: list[int] = []
    sizes: list[int] = []
    for task, cells in known.items():
        most = min(-(-plan.recipe.again // len(known)), len(cells.examples))
        row = next((n for n, i in enumerate(cells.instructions) if i.observed), 0)
        filled = _filled(parts[task], cells.instructions[row])
        for n in np.linspace(0, len(cells.examples) - 1, most).round().astype(int):
            prompts.append(filled[cells.examples[n].id])
            chosen.append(int(cells.chosen[row, n]))
            sizes.append(len(cells.examples[n].options))
    return prompts, chosen, sizes


def _filled(part: Part, instruction: Instruction) -> dict[str, Prompt]:
    """Id of an input -> its prompt as the evaluation asked it."""
    made = part.prompts(instruction)
    return {e.id: p for e, p in zip(part.examples, made, strict=True)}


def _scores(
    engine: Engine, model: ModelInfo, prompts: Sequence[Prompt], journal: Journal, *,
    together: bool,
) -> list[list[float]]:
    """The options' scores of prompts that are asked in one call, or one by one."""
    key = content_id("asked again", str(model.spec), [p.id for p in prompts], together)
    known = journal.get(key)
    if known is None:
        batches = [list(prompts)] if together else [[p] for p in prompts]
        readings = [r for batch in batches for r in engine.read(model.id, batch)]
        known = [[round(float(v), 5) for v in r.option_logprobs] for r in readings]
        journal.keep(key, known)
    return [list(row) for row in known]


def with_floors(
    found: Study, read: Sequence[Cells], forms: Sequence[Forms], repeated: Changed
) -> Study:
    """The results with the noise floor of each difference, and what it was measured from.

    Args:
        found: The results.
        read: Answers of all models.
        forms: Answers under surface perturbations; may be empty.
        repeated: What asking again changed; empty where nothing was asked again.
    """
    floors = _Floors(found, read, repeated)
    return replace(
        found, noise=tuple(floors.rows()),
        instructions=tuple(floors.instruction(r) for r in found.instructions),
        differences=tuple(floors.difference(r) for r in found.differences),
        groups=tuple(floors.group(r) for r in found.groups),
        surfaces=tuple(floors.surface(r, forms) for r in found.surfaces),
    )


class _Floors:
    """The noise floors of one evaluation's differences."""

    def __init__(self, found: Study, read: Sequence[Cells], repeated: Changed) -> None:
        self._seed = found.seed
        self._original = found.models[0]
        self._repeated = repeated
        self._read = {(c.model, c.condition.label, c.task.id): c for c in read}
        self._known: dict[tuple[str, str, str, str], NoiseFloor | None] = {}

    def _floor(self, tables: Sequence[Floats], *models: str) -> NoiseFloor | None:
        """The floor of a difference that the answers of some models enter."""
        if not tables:
            return None
        known = [self._repeated.get(m) for m in models]
        changed = None if None in known else sum(k.share for k in known if k is not None)
        return noise.floor(tables, changed=changed, seed=self._seed)

    def _cells(self, model: str, condition: str, task: str = ALL) -> list[Cells]:
        return [
            c for (m, label, t), c in self._read.items()
            if (m, label) == (model, condition) and task in (ALL, t)
        ]

    def _of(self, what: str, model: str, condition: str, task: str) -> NoiseFloor | None:
        """The floor of one instruction's degradation, or of its difference from the original."""
        key = (what, model, condition, task)
        if key not in self._known:
            cells = self._cells(model, condition, task)
            if what == DEGRADATION:
                known = [c.rows(members(c).get(OBSERVED, [])) for c in cells]
                tables = [noise.from_others(t) for t in known if len(t) > 1]
                self._known[key] = self._floor(tables, model)
            else:
                tables = [self._against(c) for c in cells]
                self._known[key] = self._floor(tables, model, self._original)
        return self._known[key]

    def _against(self, cells: Cells) -> Floats:
        """(I, N) differences from the original."""
        base = self._read[self._original, cells.condition.label, cells.task.id]
        return np.asarray(cells.correct.astype(np.float64) - base.correct)

    def rows(self) -> list[NoiseRow]:
        """What a single instruction's differences are compared with, by model and task."""
        made = []
        for model, condition in dict.fromkeys((m, label) for m, label, _ in self._read):
            tasks = [c.task.id for c in self._cells(model, condition)]
            for what in (DEGRADATION, *([DIFFERENCE] if model != self._original else [])):
                for task in [*([ALL] if len(tasks) > 1 else []), *tasks]:
                    floor = self._of(what, model, condition, task)
                    again = self._repeated.get(model)
                    if floor is not None:
                        made.append(
                            NoiseRow(
                                model=model, condition=condition, task=task, of=what,
                                value=floor.value, sampling=floor.sampling,
                                repeatability=floor.repeatability, inputs=floor.inputs,
                                asked_again=None if again is None else again.prompts,
                                changed_alone=None if again is None else again.alone,
                                changed_reordered=None if again is None else again.reordered,
                                compared=None if again is None else again.compared,
                                changed_elsewhere=None if again is None else again.elsewhere,
                            )
                        )
        return made

    def instruction(self, row: InstructionRow) -> InstructionRow:
        """A row with the floors of its degradation and of its difference."""
        where = (row.model, row.condition, row.task)
        degraded = None if row.degradation is None else self._of(DEGRADATION, *where)
        differs = None if row.difference is None else self._of(DIFFERENCE, *where)
        return replace(row, noise_floor=_value(degraded), difference_noise_floor=_value(differs))

    def difference(self, row: DifferenceRow) -> DifferenceRow:
        """A row with the floor of the mean difference of its instructions."""
        cells = self._cells(row.model, row.condition, row.task)
        tables = [
            self._against(c)[chosen].mean(axis=0, keepdims=True)
            for c in cells if (chosen := members(c).get(row.set))
        ]
        return replace(row, noise_floor=_value(self._floor(tables, row.model, self._original)))

    def group(self, row: GroupRow) -> GroupRow:
        """A row with the floor of unobserved minus observed."""
        if row.difference is None:
            return row
        tables = []
        for one in self._cells(row.model, row.condition):
            sets = members(one)
            if row.group in (ALL, group_of(one.task)) and {OBSERVED, UNOBSERVED} <= sets.keys():
                sides = [one.rows(sets[s]).mean(axis=0) for s in (UNOBSERVED, OBSERVED)]
                tables.append(np.asarray(sides[0] - sides[1])[None, :])
        return replace(row, noise_floor=_value(self._floor(tables, row.model)))

    def surface(self, row: SurfaceRow, forms: Sequence[Forms]) -> SurfaceRow:
        """A row with the floor of its degradation."""
        tables = []
        for one in forms:
            if one.model != row.model or row.task not in (ALL, one.task):
                continue
            known = [
                (one.given[list(f.wordings)].astype(np.float64) - f.correct).mean(axis=0)
                for name, f in one.by_rule.items() if name in row.rules
            ]
            if known:
                tables.append(np.mean(known, axis=0)[None, :])
        return replace(row, noise_floor=_value(self._floor(tables, row.model)))


def _value(floor: NoiseFloor | None) -> float | None:
    return None if floor is None else floor.value
