"""One optimiser update: accumulates the gradient of some groups, clips it, and takes a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from robustness.models.soft_prompts import Front
from robustness.training.alignment import loss
from robustness.training.alignment.forward import Forward
from robustness.training.alignment.groups import Group
from robustness.training.alignment.loss import Rows
from robustness.training.alignment.recipe import AlignRecipe
from robustness.training.alignment.trainee import Trainee
from robustness.training.learning_rate import schedule


@dataclass(frozen=True, slots=True)
class StepLoss:
    """Losses of one update in nats, and the number of tokens that were read."""

    total: float
    cross_entropy: float
    divergence: float
    tokens: int


def accumulate(
    forward: Forward,
    groups: Sequence[Group],
    prefix: Callable[[], Front | None],
    *,
    lambda_: float,
    rows_per_pass: int,
) -> StepLoss:
    """Accumulates the gradient of the loss of some groups, in passes of a few prompts each.

    The references come first: their distributions are kept without gradient for all passes.

    Args:
        forward: The backbone.
        groups: The groups of one update.
        prefix: Returns the prefix with a new graph; called once per pass.
        lambda_: Weight of the KL term.
        rows_per_pass: Prompts per forward and backward pass.
    """
    instances = [g.reference for g in groups]
    owners = list(range(len(groups)))
    for number, group in enumerate(groups):
        instances += group.paraphrases
        owners += [number] * len(group.paraphrases)
    device = forward.device
    owner = torch.tensor(owners, device=device)
    sizes = torch.tensor([1 + len(g.paraphrases) for g in groups], device=device)
    targets, mask = forward.targets(instances)
    whole = Rows(
        owner, torch.arange(len(owners), device=device) < len(groups), sizes[owner], targets, mask
    )
    references: torch.Tensor | None = None
    sums = torch.zeros(3, device=device)
    for start in range(0, len(instances), rows_per_pass):
        part = instances[start : start + rows_per_pass]
        rows = whole.part(start, start + rows_per_pass)
        logits = forward.logits(part, prefix(), targets.shape[1])
        references = loss.keep_references(logits, rows, references, len(groups))
        made = loss.pt_kl(logits, rows, references, lambda_=lambda_, groups=len(groups))
        made.total.backward()  # type: ignore[no-untyped-call]
        sums += torch.stack([made.total.detach(), made.cross_entropy, made.divergence])
    total, cross_entropy, divergence = sums.tolist()
    tokens = sum(len(i.prompt) + len(i.answer) for i in instances)
    return StepLoss(total, cross_entropy, divergence, tokens)


def rate(step: int, recipe: AlignRecipe) -> float:
    """Share of the peak learning rate at an update: warm-up, then a cosine down to a tenth."""
    return schedule(warmup=recipe.warmup, steps=recipe.steps, least=0.1)(step)


def optimizer_of(recipe: AlignRecipe, trainee: Trainee) -> torch.optim.Optimizer:
    """AdamW over the trained parameters."""
    return torch.optim.AdamW(list(trainee.parameters.values()), weight_decay=recipe.weight_decay)


def update(
    recipe: AlignRecipe, forward: Forward, groups: Sequence[Group], trainee: Trainee,
    optimizer: torch.optim.Optimizer, step: int,
) -> StepLoss:
    """Carries out update number `step` (counted from 0) on some groups."""
    made = accumulate(
        forward, groups, trainee.front, lambda_=recipe.weight, rows_per_pass=recipe.rows_per_pass
    )
    torch.nn.utils.clip_grad_norm_(list(trainee.parameters.values()), recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = float(recipe.learning_rate or 0) * rate(step, recipe)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return made
