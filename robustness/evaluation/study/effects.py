"""Measures how much of a model's answers is due to the order of options, and to a prior for labels.

Order: the options of each input are permuted, where the prompt lists them, and the answers are
compared. Prior: each instruction is filled with empty fields, and the log-probabilities that the
options have there are subtracted (contextual calibration, Zhao et al. 2021); accuracy that comes
back is accuracy that a shifted prior had cost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import log_softmax

from robustness.data import prompts
from robustness.evaluation.study.cells import Cells, same_input
from robustness.evaluation.study.plan import Part, Plan
from robustness.evaluation.study.values import EffectRow
from robustness.types import Example, FloatArray


def permuted(plan: Plan) -> Plan:
    """The zero-shot prompts of a plan with permuted options, for instructions that list them."""
    parts = []
    for part in _zero_shot(plan):
        fields = list(part.task.fields)
        listing = tuple(
            i for i in part.instructions
            if "options" in prompts.placeholders(prompts.template_of(i, fields))
        )
        examples = tuple(_permuted(e, plan.recipe.seed) for e in part.examples)
        if listing:
            parts.append(
                replace(part, instructions=listing, examples=examples, words_of={})
            )
    return _beside(plan, parts)


def empty(plan: Plan) -> Plan:
    """The zero-shot prompts of a plan with empty fields, one for each set of options."""
    return _beside(plan, [
        replace(
            part, words_of={}, shown=((),) * len(spaces),
            examples=tuple(
                # The label is not used; complete tables need one.
                Example(
                    task=part.task.id, fields=dict.fromkeys(part.task.fields, ""),
                    options=options, answer=options[0],
                )
                for options in spaces
            ),
        )
        for part in _zero_shot(plan)
        for spaces in [list(dict.fromkeys(e.options for e in part.examples))]
    ])


def _zero_shot(plan: Plan) -> Iterator[Part]:
    return (part for part in plan.parts if not part.condition.shots)


def _beside(plan: Plan, parts: Sequence[Part]) -> Plan:
    recipe = replace(plan.recipe, shots=(), free=False, posix=False)
    return Plan(recipe=recipe, parts=tuple(parts), left=())


def _permuted(example: Example, seed: int) -> Example:
    """An input with its options in another order, which depends on the seed and the input."""
    rng = np.random.default_rng([seed, int(example.id[:8], 16)])
    order = rng.permutation(len(example.options))
    if (order == np.arange(len(order))).all():
        order = np.roll(order, 1)
    return replace(example, options=tuple(example.options[n] for n in order), id="")


def rows(
    read: Sequence[Cells], turned: Sequence[Cells], blank: Sequence[Cells]
) -> list[EffectRow]:
    """Computes one row per model and task.

    Args:
        read: Answers of a plan.
        turned: Answers to `permuted`.
        blank: Scores of `empty`.
    """
    others = {(c.model, c.task.id): c for c in turned}
    priors = {(c.model, c.task.id): c for c in blank}
    return [
        _row(c, others.get((c.model, c.task.id)), priors.get((c.model, c.task.id)))
        for c in read if not c.condition.shots
    ]


def _row(cells: Cells, turned: Cells | None, blank: Cells | None) -> EffectRow:
    row = EffectRow(
        model=cells.model, task=cells.task.id, instructions=len(cells.instructions),
        inputs=len(cells.examples), accuracy=100 * float(cells.correct.mean()),
        std=_std(cells.correct),
    )
    return _with_prior(_with_order(row, cells, turned), cells, blank)


def _with_order(row: EffectRow, cells: Cells, turned: Cells | None) -> EffectRow:
    if turned is None:
        return row
    before = {i.id: n for n, i in enumerate(cells.instructions)}
    inputs = {same_input(e): n for n, e in enumerate(cells.examples)}
    pairs = [
        (cells.chosen[before[i.id], inputs[same_input(e)]], turned.chosen[k, n],
         cells.examples[inputs[same_input(e)]], e)
        for k, i in enumerate(turned.instructions) if i.id in before
        for n, e in enumerate(turned.examples) if same_input(e) in inputs
    ]
    if not pairs:
        return row
    said = [(old.options[a], new.options[b], old.answer) for a, b, old, new in pairs]
    return replace(
        row, listing=len({i.id for i in turned.instructions} & before.keys()),
        changed=100 * float(np.mean([a != b for a, b, _ in said])),
        listed=100 * float(np.mean([a == gold for a, _, gold in said])),
        permuted=100 * float(np.mean([b == gold for _, b, gold in said])),
        first=100 * float(np.mean([[a == 0, b == 0] for a, b, _, _ in pairs])),
        even=100 * float(np.mean([1 / len(e.options) for _, _, e, _ in pairs])),
    )


def _with_prior(row: EffectRow, cells: Cells, blank: Cells | None) -> EffectRow:
    if blank is None:
        return row
    places = {i.id: n for n, i in enumerate(blank.instructions)}
    spaces = {e.options: n for n, e in enumerate(blank.examples)}
    known = [n for n, i in enumerate(cells.instructions) if i.id in places]
    if not known or any(e.options not in spaces for e in cells.examples):
        return row
    right = np.empty((len(known), len(cells.examples)), dtype=np.bool_)
    favoured = []
    for line, n in enumerate(known):
        own = blank.scores[places[cells.instructions[n].id]]
        priors = {options: _log_prior(own[k]) for options, k in spaces.items()}
        favoured += [float(np.exp(p.max())) for p in priors.values()]
        for column, example in enumerate(cells.examples):
            best = int((cells.scores[n][column] - priors[example.options]).argmax())
            right[line, column] = example.options[best] == example.answer
    return replace(
        row, calibrated=100 * float(right.mean()), calibrated_std=_std(right),
        uncalibrated=100 * float(cells.rows(known).mean()), favoured=100 * float(np.mean(favoured)),
    )


def _log_prior(scores: FloatArray) -> FloatArray:
    made: FloatArray = log_softmax(scores.astype(np.float64)).astype(np.float32)
    return made


def _std(correct: np.ndarray) -> float | None:
    """Sample standard deviation of accuracy over instructions, in points."""
    return float(np.std(100 * correct.mean(axis=1), ddof=1)) if len(correct) > 1 else None
