"""The PT+KL loss of [S1]: cross-entropy, and divergence from the reference instruction.

Refuses to know models and prompts: it reads log-probabilities at the positions of gold answers.

    L = (1 - lambda) L_CE + lambda L_KL
    L_CE = 1/N sum over instances i, positions j, of -log y_i^(j)[gold_j]
    L_KL = 1/(N-1) sum over paraphrases i != r, positions j, of KL(y_i^(j) || y_r^(j))
"""

from dataclasses import dataclass

import torch

from robustness.errors import InputError


@dataclass(frozen=True, slots=True)
class Rows:
    """Instances of one or more groups, each group with one reference and its paraphrases."""

    group: torch.Tensor
    """(R,) int64: the group of each row."""
    reference: torch.Tensor
    """(R,) bool: whether the row is its group's reference."""
    size: torch.Tensor
    """(R,) int64: N, the number of instances of the row's group."""
    targets: torch.Tensor
    """(R, K) int64: gold answer tokens and the end of text, padded on the right."""
    mask: torch.Tensor
    """(R, K) bool: which targets are there."""

    def part(self, start: int, end: int) -> "Rows":
        """Some rows of it."""
        return Rows(
            self.group[start:end], self.reference[start:end], self.size[start:end],
            self.targets[start:end], self.mask[start:end],
        )


@dataclass(frozen=True, slots=True)
class Loss:
    """The parts of a loss, scalars in nats."""

    total: torch.Tensor
    """With gradient."""
    cross_entropy: torch.Tensor
    divergence: torch.Tensor


def pt_kl(
    logits: torch.Tensor, rows: Rows, references: torch.Tensor, *, lambda_: float, groups: int
) -> Loss:
    """The loss of some rows, averaged over groups; sums over parts of a batch give the whole.

    Args:
        logits: (R, K, V) at the positions that predict `rows.targets`.
        rows: What the logits belong to.
        references: (G, K', V) log-probabilities of each group's reference, K' >= K; no gradient
            flows through them.
        lambda_: Weight of the divergence, in [0, 1].
        groups: Number of groups in the whole batch.

    Raises:
        InputError: `lambda_` is out of range, or a group has no paraphrase though the divergence
            counts.
    """
    if not 0 <= lambda_ <= 1:
        raise InputError(f"lambda is {lambda_}; it lies between 0 and 1")
    if lambda_ > 0 and bool((rows.size < 2).any()):
        raise InputError("a group has no paraphrase to compare with its reference")
    scores = logits.double() if logits.dtype == torch.float64 else logits.float()
    logprobs = scores.log_softmax(-1)
    gold = logprobs.gather(2, rows.targets.unsqueeze(2)).squeeze(2)
    surprise = -(gold * rows.mask).sum(1)
    cross_entropy = (surprise / rows.size).sum() / groups
    if lambda_ == 0:
        zero = cross_entropy.new_zeros(())
        return Loss(cross_entropy, cross_entropy.detach(), zero)
    chosen = ~rows.reference
    own = logprobs[chosen]
    other = references.detach()[rows.group[chosen], : own.shape[1]].to(own.dtype)
    apart = (own.exp() * (own - other)).sum(-1)
    apart = (apart * rows.mask[chosen]).sum(1)
    divergence = (apart / (rows.size[chosen] - 1)).sum() / groups
    total = (1 - lambda_) * cross_entropy + lambda_ * divergence
    return Loss(total, cross_entropy.detach(), divergence.detach())


def keep_references(
    logits: torch.Tensor, rows: Rows, references: torch.Tensor | None, groups: int
) -> torch.Tensor:
    """Log-probabilities (G, K, V) of the references among the rows, without gradient.

    Args:
        logits: (R, K, V).
        rows: What the logits belong to.
        references: What earlier parts of the batch gave, or None.
        groups: Number of groups in the whole batch.
    """
    if references is None:
        references = logits.new_zeros((groups, *logits.shape[1:]), dtype=torch.float32)
        if logits.dtype == torch.float64:
            references = references.double()
    at = rows.reference
    if bool(at.any()):
        references[rows.group[at]] = logits.detach()[at].to(references.dtype).log_softmax(-1)
    return references
