"""Evaluates a model during its alignment, on a sample of (instruction, input) pairs.

The options' log-probabilities are compared by the scorer that serves the model, as in the final
evaluation. Does not evaluate finished models; see `evaluator`.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from robustness.data import prompts
from robustness.errors import InputError
from robustness.models.batching import Item
from robustness.models.scorers import Scorer
from robustness.models.soft_prompts import Front
from robustness.training.alignment.groups import Pool
from robustness.types import Example, Instruction


@dataclass(frozen=True, slots=True)
class EvaluationPrompt:
    """One prompt with its options as token ids."""

    prompt: tuple[int, ...]
    """Token ids of the prompt."""
    options: tuple[tuple[int, ...], ...]
    """Token ids of each option, including those that end an answer."""
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
    """Draws different (instruction, input) pairs at random, evenly over the instructions.

    Args:
        pool: Provides the tokenizer and the context.
        instructions: The instructions; those whose task has no inputs are left out.
        examples: Task -> labelled inputs.
        count: Number of pairs, fewer where there are not as many; those that do not fit in the
            context are dropped.
        seed: Seed of the choice.
    """
    usable = [i for i in instructions if i.task in examples]
    rng = random.Random(f"cells-{seed}")
    rng.shuffle(usable)
    cells: list[EvaluationPrompt] = []
    known = [examples[str(i.task)] for i in usable]
    rounds = itertools.zip_longest(*(rng.sample(rows, len(rows)) for rows in known))
    pairs = ((i, e) for row in rounds for i, e in zip(usable, row, strict=True) if e is not None)
    for instruction, example in itertools.islice(pairs, count):
        text = prompts.fill(instruction, example)
        ids = pool.ids(text.text)
        ends = [
            (*pool.tokenizer(o, add_special_tokens=False)["input_ids"], *pool.end)
            for o in text.options
        ]
        if len(ids) + max(map(len, ends)) <= pool.context:
            gold = example.options.index(str(example.answer))
            cells.append(EvaluationPrompt(ids, tuple(ends), gold))
    return cells


@torch.no_grad()
def score(
    scorer: Scorer, cells: Sequence[EvaluationPrompt], prefix: Front | None
) -> Score:
    """Accuracy and cross-entropy over some prompts.

    Args:
        scorer: Scores options with the model in training.
        cells: The prompts.
        prefix: The prefix in front of them, or None.

    Raises:
        InputError: There are no prompts.
    """
    if not cells:
        raise InputError("no instruction of the evaluation set has labelled inputs")
    values = [torch.empty(len(cell.options), dtype=torch.float64) for cell in cells]
    items = [
        Item(n, list(cell.prompt), [list(option) for option in cell.options])
        for n, cell in enumerate(cells)
    ]
    for read in scorer.read(items, prefix):
        for item, logprobs in zip(read.items, read.logprobs, strict=True):
            values[item.position][item.first : item.first + len(logprobs)] = torch.tensor(
                logprobs, dtype=torch.float64
            )
    right, surprise = 0, 0.0
    for cell, own in zip(cells, values, strict=True):
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
