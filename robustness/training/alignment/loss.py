"""The PT+KL loss of [S1] (section 5): cross-entropy plus divergence from the reference instruction.

A group is one input under N instructions: a reference r (observed) and N - 1 paraphrases. With
y_i^(j) the model's distribution over the vocabulary at position j of the gold answer under
instruction i, by teacher forcing,

    L = (1 - lambda) L_CE + lambda L_KL
    L_CE = 1/N sum over instances i, positions j, of -log y_i^(j)[gold_j]
    L_KL = 1/(N-1) sum over paraphrases i != r, positions j, of KL(y_i^(j) || y_r^(j))

The KL term pulls the distribution under each paraphrase towards that under the reference. No
gradient flows through y_r, so that the reference is not pulled towards the paraphrases. All
instances of a group have the same answer tokens, so position j means the same token in each.
"""

from dataclasses import dataclass

import torch

from robustness.errors import InputError


@dataclass(frozen=True, slots=True)
class Rows:
    """R instances of one or more groups: one row per prompt with its answer."""

    group: torch.Tensor
    """(R,) int64: the group of each row."""
    reference: torch.Tensor
    """(R,) bool: whether the row is its group's reference."""
    size: torch.Tensor
    """(R,) int64: N, the number of instances of the row's group."""
    targets: torch.Tensor
    """(R, K) int64: tokens of the gold answer and the end of text, padded on the right."""
    mask: torch.Tensor
    """(R, K) bool: False at padding."""

    def part(self, start: int, end: int) -> "Rows":
        """The rows from `start` to `end`."""
        return Rows(
            self.group[start:end], self.reference[start:end], self.size[start:end],
            self.targets[start:end], self.mask[start:end],
        )


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss and its two terms, scalars in nats."""

    total: torch.Tensor
    """The loss, with gradient; the terms carry none."""
    cross_entropy: torch.Tensor
    divergence: torch.Tensor


def pt_kl(
    logits: torch.Tensor, rows: Rows, references: torch.Tensor, *, lambda_: float, groups: int
) -> Loss:
    """The share of some rows in the loss of a batch, which is the mean over its groups.

    Summed over parts of a batch, the results give the loss of the batch, so that gradients can be
    accumulated over several passes.

    Args:
        logits: (R, K, V) at the positions that predict `rows.targets`.
        rows: The instances of these logits.
        references: (G, K', V) log-probabilities under each group's reference, K' >= K.
        lambda_: Weight of the KL term, in [0, 1].
        groups: Number G of groups in the whole batch.

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
    # Cross-entropy: (R, K) log-probabilities of the gold tokens, summed over the positions that are
    # not padding, divided by the size N of the row's group.
    gold = logprobs.gather(2, rows.targets.unsqueeze(2)).squeeze(2)
    surprise = -(gold * rows.mask).sum(1)
    cross_entropy = (surprise / rows.size).sum() / groups
    if lambda_ == 0:
        zero = cross_entropy.new_zeros(())
        return Loss(cross_entropy, cross_entropy.detach(), zero)
    # Divergence, for the paraphrases only: KL(p || q) = sum over the vocabulary of p (log p - log
    # q), with p under the paraphrase (Q, K, V) and q under its group's reference.
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
    """Log-probabilities (G, K, V) under the references, without gradient.

    Args:
        logits: (R, K, V) of a part of the batch.
        rows: The instances of these logits; references among them are copied.
        references: The result for earlier parts of the batch, which is filled in place; None: none.
        groups: Number G of groups in the whole batch.
    """
    if references is None:
        references = logits.new_zeros((groups, *logits.shape[1:]), dtype=torch.float32)
        if logits.dtype == torch.float64:
            references = references.double()
    at = rows.reference
    if bool(at.any()):
        references[rows.group[at]] = logits.detach()[at].to(references.dtype).log_softmax(-1)
    return references
