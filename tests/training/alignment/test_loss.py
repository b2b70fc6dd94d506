"""The loss against loops that follow the formula, in double precision."""

import math

import pytest
import torch

from robustness.errors import InputError
from robustness.training.alignment.loss import Rows, keep_references, pt_kl

SIZES = (3, 4)
LENGTHS = (2, 3)
VOCABULARY = 7


def batch(seed: int) -> tuple[torch.Tensor, Rows]:
    """Two groups of 3 and 4 instances, references first, answers of 2 and 3 tokens."""
    generator = torch.Generator().manual_seed(seed)
    group = [0, 1, 0, 0, 1, 1, 1]
    width = max(LENGTHS)
    logits = torch.randn(len(group), width, VOCABULARY, generator=generator, dtype=torch.float64)
    targets = torch.zeros(len(group), width, dtype=torch.long)
    mask = torch.zeros(len(group), width, dtype=torch.bool)
    gold = torch.randint(VOCABULARY, (2, width), generator=generator)
    for row, g in enumerate(group):
        targets[row, : LENGTHS[g]] = gold[g, : LENGTHS[g]]
        mask[row, : LENGTHS[g]] = True
    rows = Rows(
        torch.tensor(group), torch.arange(len(group)) < 2, torch.tensor([SIZES[g] for g in group]),
        targets, mask,
    )
    return logits, rows


def softmax(values: list[float]) -> list[float]:
    top = max(values)
    powers = [math.exp(v - top) for v in values]
    return [p / sum(powers) for p in powers]


def plain(logits: torch.Tensor, frozen: torch.Tensor, rows: Rows, lambda_: float) -> float:
    """The formula with loops; `frozen` gives the references' distributions, held constant."""
    total = 0.0
    for g, n in enumerate(SIZES):
        members = [r for r in range(len(logits)) if int(rows.group[r]) == g]
        cross_entropy = divergence = 0.0
        for r in members:
            for j in range(LENGTHS[g]):
                y_i = softmax(logits[r, j].tolist())
                cross_entropy -= math.log(y_i[int(rows.targets[r, j])]) / n
                if r != g:
                    y_r = softmax(frozen[g, j].tolist())
                    divergence += sum(
                        p * math.log(p / q) for p, q in zip(y_i, y_r, strict=True)
                    ) / (n - 1)
        total += (1 - lambda_) * cross_entropy + lambda_ * divergence
    return total / len(SIZES)


@pytest.mark.parametrize("lambda_", [0.0, 0.3, 0.8, 1.0])
def test_value_and_gradient_equal_the_loops(lambda_: float) -> None:
    logits, rows = batch(1)
    leaf = logits.clone().requires_grad_()
    kept = keep_references(leaf, rows, None, 2)
    made = pt_kl(leaf, rows, kept, lambda_=lambda_, groups=2)
    assert made.total.item() == pytest.approx(plain(logits, logits, rows, lambda_), abs=1e-12)
    (gradient,) = torch.autograd.grad(made.total, leaf)
    step = 1e-6
    for at in torch.cartesian_prod(*(torch.arange(n) for n in logits.shape)).tolist():
        up, down = logits.clone(), logits.clone()
        up[tuple(at)] += step
        down[tuple(at)] -= step
        numeric = (
            plain(up, logits, rows, lambda_) - plain(down, logits, rows, lambda_)
        ) / (2 * step)
        assert gradient[tuple(at)].item() == pytest.approx(numeric, abs=1e-8)


def test_no_gradient_flows_through_the_reference_when_only_divergence_counts() -> None:
    logits, rows = batch(2)
    leaf = logits.requires_grad_()
    made = pt_kl(leaf, rows, keep_references(leaf, rows, None, 2), lambda_=1.0, groups=2)
    (gradient,) = torch.autograd.grad(made.total, leaf)
    assert gradient[rows.reference].abs().max().item() == 0.0
    assert gradient[~rows.reference].abs().max().item() > 0.0


def test_padded_positions_have_no_gradient() -> None:
    logits, rows = batch(3)
    leaf = logits.requires_grad_()
    made = pt_kl(leaf, rows, keep_references(leaf, rows, None, 2), lambda_=0.8, groups=2)
    (gradient,) = torch.autograd.grad(made.total, leaf)
    assert gradient[~rows.mask].abs().max().item() == 0.0


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    logits, rows = batch(4)
    whole = pt_kl(logits, rows, keep_references(logits, rows, None, 2), lambda_=0.8, groups=2)
    kept, total = None, 0.0
    for start in range(0, len(logits), 2):
        part, own = logits[start : start + 2], rows.part(start, start + 2)
        kept = keep_references(part, own, kept, 2)
        total += pt_kl(part, own, kept, lambda_=0.8, groups=2).total.item()
    assert total == pytest.approx(whole.total.item(), abs=1e-12)


def test_divergence_is_zero_when_all_instances_agree() -> None:
    logits, rows = batch(5)
    for g in range(2):
        logits[rows.group == g] = logits[g].clone()
    made = pt_kl(logits, rows, keep_references(logits, rows, None, 2), lambda_=1.0, groups=2)
    assert made.divergence.item() == pytest.approx(0.0, abs=1e-12)


def test_a_wrong_lambda_and_a_group_without_paraphrases_are_refused() -> None:
    logits, rows = batch(6)
    kept = keep_references(logits, rows, None, 2)
    with pytest.raises(InputError, match=r"lambda is 1\.5"):
        pt_kl(logits, rows, kept, lambda_=1.5, groups=2)
    alone = Rows(rows.group, rows.reference, torch.ones(7), rows.targets, rows.mask)
    with pytest.raises(InputError, match="no paraphrase"):
        pt_kl(logits, alone, kept, lambda_=0.5, groups=2)
