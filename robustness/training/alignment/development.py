"""Evaluates a model during its alignment, on a sample of (instruction, input) pairs.

The options' log-probabilities are compared, as in the final evaluation. Does not evaluate finished
models; see `evaluator`.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from robustness.data import prompts
from robustness.errors import InputError
from robustness.models.soft_prompts import Front
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Instance, Pool
from robustness.types import Example, Instruction


@dataclass(frozen=True, slots=True)
class EvaluationPrompt:
    """One prompt with each of its options as a continuation."""

    instances: tuple[Instance, ...]
    """The prompt with each option in turn."""
    gold: int
    """Index of the right option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The result of an evaluation."""

    accuracy: float
    """Accuracy by comparing options, in [0, 1]."""
    cross_entropy: float
    """Cross-entropy of the right option among the options, mean over prompts, nats."""
    cells: int
    """Number of prompts."""


def draw(
    pool: Pool,
    instructions: Sequence[Instruction],
    examples: Mapping[str, Sequence[Example]],
    count: int,
    seed: int,
) -> list[EvaluationPrompt]:
    """Draws (instruction, input) pairs at random, evenly over the instructions.

    Args:
        pool: Provides the tokenizer and the context.
        instructions: The instructions; those whose task has no inputs are left out.
        examples: Task -> labelled inputs.
        count: Number of pairs; those that do not fit in the context are dropped.
        seed: Seed of the choice.
    """
    usable = [i for i in instructions if i.task in examples]
    rng = random.Random(f"cells-{seed}")
    rng.shuffle(usable)
    cells: list[EvaluationPrompt] = []
    for number in range(count if usable else 0):
        instruction = usable[number % len(usable)]
        example = rng.choice(examples[str(instruction.task)])
        text = prompts.fill(instruction, example)
        ids = pool.ids(text.text)
        ends = [
            (*pool.tokenizer(o, add_special_tokens=False)["input_ids"], *pool.end)
            for o in text.options
        ]
        if len(ids) + max(map(len, ends)) <= pool.context:
            gold = example.options.index(str(example.answer))
            cells.append(EvaluationPrompt(tuple(Instance(ids, end) for end in ends), gold))
    return cells


@torch.no_grad()
def score(
    forward: Forward, cells: Sequence[EvaluationPrompt], prefix: Front | None, rows_per_pass: int
) -> Score:
    """Accuracy and cross-entropy over some prompts.

    Args:
        forward: The backbone.
        cells: The prompts.
        prefix: The prefix in front of them, or None.
        rows_per_pass: Prompts per training pass; twice as many are evaluated at once.

    Raises:
        InputError: There are no prompts.
    """
    if not cells:
        raise InputError("no instruction of the evaluation set has labelled inputs")
    flat = [(n, i) for n, cell in enumerate(cells) for i in cell.instances]
    order = sorted(range(len(flat)), key=lambda k: len(flat[k][1].prompt))
    values = [0.0] * len(flat)
    for start in range(0, len(order), 2 * rows_per_pass):
        part = order[start : start + 2 * rows_per_pass]
        instances = [flat[k][1] for k in part]
        targets, mask = forward.targets(instances)
        logprobs = forward.logits(instances, prefix).float().log_softmax(-1)
        sums = (logprobs.gather(2, targets.unsqueeze(2)).squeeze(2) * mask).sum(1)
        for k, value in zip(part, sums.tolist(), strict=True):
            values[k] = value
    right, surprise, cursor = 0, 0.0, 0
    for cell in cells:
        own = torch.tensor(values[cursor : cursor + len(cell.instances)])
        cursor += len(cell.instances)
        right += int(own.argmax()) == cell.gold
        surprise -= float(own.log_softmax(0)[cell.gold])
    return Score(
        accuracy=right / len(cells), cross_entropy=surprise / len(cells), cells=len(cells)
    )


def rank(
    scores: Mapping[str, Score], selects: str, before: Mapping[str, Any] | None, cost: float
) -> tuple[float, ...]:
    """The sort key by which the best update is selected; larger is better.

    Updates that keep the accuracy under observed instructions come first; among them, the accuracy
    on the selecting set decides, then its cross-entropy.

    Args:
        scores: Evaluation set -> score of the update.
        selects: The evaluation set that selects.
        before: Score of the backbone itself under observed instructions, where there is one.
        cost: Points of accuracy under observed instructions that may be lost.
    """
    kept = before is None or 100 * (before["accuracy"] - scores["observed"].accuracy) <= cost
    return (kept, scores[selects].accuracy, -scores[selects].cross_entropy)
