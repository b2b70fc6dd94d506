"""Measures a model while it is tuned, on development inputs and instructions only."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from robustness.data import instructions
from robustness.data.tasks import builtin
from robustness.evaluation.perturbations.kinds import Kind, Material, alter
from robustness.training.backbone.data import UNSEEN_TASKS
from robustness.training.tuning.mixture import TuningMixture
from robustness.training.tuning.packs import Sequenced, pack, predictions
from robustness.types import Example, Instruction

SETS = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
_ALTERED = (Kind.NEGATED, Kind.NONSENSICAL, Kind.EMPTY, Kind.INCORRECT)
_TOKENS = 700
"""Tokens of a pack, at the most where one prompt has fewer."""


@torch.no_grad()
def _right(
    model: Any, mixture: TuningMixture, instruction: Instruction, examples: Sequence[Example]
) -> float:
    """Share of inputs whose right option has the highest log-probability."""
    device = next(model.parameters()).device
    hits: list[bool] = []
    group: list[tuple[Example, list[Sequenced]]] = []

    def flush() -> None:
        made = pack([s for _, options in group for s in options])
        scores = predictions(model, made, device)
        picked = scores.gather(1, made.wanted.to(device)[:, None])[:, 0].cpu().double()
        sums = torch.zeros(len(made.names), dtype=torch.double).index_add(0, made.owners, picked)
        cursor = 0
        for example, options in group:
            best = int(sums[cursor : cursor + len(options)].argmax())
            cursor += len(options)
            hits.append(example.options[best] == example.answer)
        group.clear()

    size = 0
    for example in examples:
        options = mixture.sequences_of(instruction, example, every=True)
        if group and size + len(options[0].prompt) > _TOKENS:
            flush()
            size = 0
        group.append((example, options))
        size += len(options[0].prompt)
    flush()
    return sum(hits) / len(hits)


def measure(
    model: Any, mixture: TuningMixture, held: Mapping[str, Sequence[Example]]
) -> dict[str, dict[str, float]]:
    """Accuracies in points, mean over instructions.

    Args:
        model: The model.
        mixture: For its recipe, tokenizer and chat format.
        held: Task -> development inputs.

    Returns:
        Set of instructions, or kind of alteration of observed ones, -> task -> accuracy.
    """
    recipe = mixture.recipe
    was = model.training
    model.eval()
    found: dict[str, dict[str, float]] = {}
    for name in SETS:
        known = instructions.builtin(name)
        found[name] = {}
        for task, examples in held.items():
            own = [i for i in known if i.task == task][: recipe.development_instructions]
            inputs = examples[: recipe.development_inputs]
            if own and inputs:
                rates = [_right(model, mixture, i, inputs) for i in own]
                found[name][task] = round(100 * sum(rates) / len(rates), 1)
    observed = instructions.builtin(instructions.OBSERVED)
    for kind in _ALTERED:
        found[str(kind)] = {}
        for task, examples in held.items():
            own = [i for i in observed if i.task == task][: recipe.development_instructions]
            inputs = examples[: recipe.development_inputs]
            if not own or not inputs or task in UNSEEN_TASKS:
                continue
            material = Material(
                task=builtin(task), observed=observed, collected=(), closest=None
            )
            altered = [alter(kind, i, material, seed=recipe.seed) for i in own]
            rates = [_right(model, mixture, i, inputs) for i in altered]
            found[str(kind)][task] = round(100 * sum(rates) / len(rates), 1)
    model.train(was)
    return found
