"""Plans surface perturbations of some instructions of each task, and lines their answers up.

Each rule is applied to the same wordings on the same inputs, zero-shot, so that every answer under
a rule has its pair under the wording as it was given. Does not compute statistics; see `surfaces`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from robustness.data import prompts
from robustness.evaluation.study.cells import Cells, Key, same_input
from robustness.evaluation.study.plan import Part, Plan, unfit
from robustness.evaluation.study.values import Left
from robustness.paraphrasing import surface
from robustness.paraphrasing.surface import Rule
from robustness.stats.intervals import BoolArray
from robustness.types import Instruction

WORDINGS = 6
"""Most instructions of a task that are perturbed, evenly spaced."""

Answers = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An instruction as a rule changed it."""

    rule: str
    of: str
    """Id of the instruction as it was given."""
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbed:
    """The prompts under surface perturbations, beside those of a plan."""

    rules: tuple[Rule, ...]
    variants: tuple[Variant, ...]
    texts: Plan
    """The changed instructions of all tasks; may have no parts."""
    orders: Mapping[str, Plan]
    """Rule -> the given instructions on inputs whose options have another order."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All plans, that of the texts first."""
        return (self.texts, *self.orders.values())

    def calls(self, models: int) -> int:
        """Number of prompts for a number of models."""
        return sum(p.calls(models) for p in self.plans)


def wordings(part: Part) -> tuple[Instruction, ...]:
    """The instructions of a part that are perturbed."""
    known = part.instructions
    if len(known) <= WORDINGS:
        return known
    return tuple(known[int(n)] for n in np.linspace(0, len(known) - 1, WORDINGS).round())


def plan(planned: Plan, rules: Sequence[Rule]) -> Perturbed:
    """Plans the prompts of surface perturbations of a plan's instructions.

    Args:
        planned: The evaluation that they stand beside; its seed is that of the rules.
        rules: The rules.
    """
    recipe = replace(planned.recipe, shots=(), free=False, posix=False, effects=False)
    zero_shot = [p for p in planned.parts if not p.condition.shots]
    variants: list[Variant] = []
    texts: list[Part] = []
    left: list[Left] = []
    applied: set[str] = set()
    for part in zero_shot:
        made: dict[str, Instruction] = {}
        for rule in (r for r in rules if not r.of_inputs):
            for given in wordings(part):
                changed = surface.perturb(
                    given, rule, seed=recipe.seed, options=_options(part)
                )
                if changed is None or unfit(changed, part.task, part.examples):
                    continue
                applied.add(rule.name)
                made.setdefault(changed.id, changed)
                variants.append(Variant(rule=rule.name, of=given.id, id=changed.id))
        if made:
            texts.append(replace(part, instructions=tuple(made.values()), words_of={}))
    orders = {}
    for rule in (r for r in rules if r.of_inputs):
        parts = [p for part in zero_shot for p in _turned(part, rule, recipe.seed)]
        if parts:
            applied.add(rule.name)
            orders[rule.name] = Plan(recipe=recipe, parts=tuple(parts), left=())
    left += [
        Left(what="perturbation", name=r.name, reason="it changes none of the instructions")
        for r in rules if r.name not in applied
    ]
    return Perturbed(
        rules=tuple(rules), variants=tuple(variants), orders=orders,
        texts=Plan(recipe=recipe, parts=tuple(texts), left=tuple(left)),
    )


def _options(part: Part) -> tuple[str, ...]:
    """The options of all inputs; empty where they differ."""
    spaces = {e.options for e in part.examples}
    return part.task.options or (spaces.pop() if len(spaces) == 1 else ())


def _turned(part: Part, rule: Rule, seed: int) -> list[Part]:
    """The wordings that list options, on inputs with their options in another order."""
    fields = list(part.task.fields)
    listing = tuple(
        i for i in wordings(part)
        if "options" in prompts.placeholders(prompts.template_of(i, fields))
    )
    examples = tuple(surface.permuted(e, rule, seed=seed) for e in part.examples)
    return [replace(part, instructions=listing, examples=examples, words_of={})] if listing else []


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Form:
    """The answers under one rule, beside those under the wordings as they were given."""

    wordings: tuple[int, ...]
    """Positions of the W' wordings to which the rule applies."""
    correct: BoolArray
    """(W', N) bool: whether the answers under the rule are right."""
    answers: Answers
    """(W', N) str: the options that were chosen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """One model's answers on one task: W wordings, as given and under every rule, on N inputs."""

    model: str
    task: str
    given: BoolArray
    """(W, N) bool."""
    answers: Answers
    """(W, N) str."""
    by_rule: Mapping[str, Form]

    def crossed(self) -> tuple[BoolArray, tuple[str, ...]]:
        """(N, W, S) bool of the rules that apply to all wordings, the given form first; rules."""
        rules = [r for r, f in self.by_rule.items() if len(f.wordings) == len(self.given)]
        stack = [self.given, *(self.by_rule[r].correct for r in rules)]
        return np.stack([t.T for t in stack], axis=2), tuple(rules)


def forms(
    perturbed: Perturbed, read: Sequence[Cells], changed: Sequence[Sequence[Cells]]
) -> list[Forms]:
    """Lines up the answers of every model and task.

    Args:
        perturbed: The plans.
        read: Answers under the instructions as they were given.
        changed: Answers to each of `perturbed.plans`.
    """
    tables = [{(c.model, c.task.id): c for c in cells} for cells in changed]
    return [
        found for c in read if not c.condition.shots
        for found in _forms(perturbed, c, [t.get((c.model, c.task.id)) for t in tables])
    ]


def _forms(
    perturbed: Perturbed, given: Cells, changed: Sequence[Cells | None]
) -> list[Forms]:
    present = [c for c in changed if c is not None]
    shared = set.intersection(*({same_input(e) for e in c.examples} for c in (given, *present)))
    keys = [same_input(e) for e in given.examples if same_input(e) in shared]
    if not present or not keys:
        return []
    texts, orders = changed[0], dict(zip(perturbed.orders, changed[1:], strict=True))
    kept = {i.id for c in orders.values() if c is not None for i in c.instructions}
    kept |= {v.of for v in perturbed.variants}
    ids = [i.id for i in given.instructions if i.id in kept]
    by_rule = {}
    for rule in perturbed.rules:
        source = orders.get(rule.name) if rule.of_inputs else texts
        if source is None:
            continue
        known = {i.id for i in source.instructions}
        found = {v.of: v.id for v in perturbed.variants if v.rule == rule.name}
        named = {i: i for i in ids} if rule.of_inputs else found
        pairs = [(n, named[i]) for n, i in enumerate(ids) if named.get(i) in known]
        if pairs:
            correct, answers = _picked(source, [i for _, i in pairs], keys)
            by_rule[rule.name] = Form(
                wordings=tuple(n for n, _ in pairs), correct=correct, answers=answers
            )
    own, said = _picked(given, ids, keys)
    return [
        Forms(model=given.model, task=given.task.id, given=own, answers=said, by_rule=by_rule)
    ]


def _picked(
    cells: Cells, ids: Sequence[str], keys: Sequence[Key]
) -> tuple[BoolArray, Answers]:
    """(W, N) right or not, and the chosen options, of some instructions on some inputs."""
    rows = {i.id: n for n, i in enumerate(cells.instructions)}
    columns = {same_input(e): n for n, e in enumerate(cells.examples)}
    lines, places = [rows[i] for i in ids], [columns[k] for k in keys]
    answers = np.array(
        [[cells.examples[n].options[cells.chosen[i, n]] for n in places] for i in lines]
    )
    return cells.correct[np.ix_(lines, places)], answers
