"""The claims of benchmarks/README.md with their bounds; these numbers are nowhere else.

Scripts name the claims of their results; `table.py` compares the measured ratios with the bounds,
and the README's table of claims is generated from this file and tested against it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A claim with the bound of its ratio."""

    claim: str
    """The comparison, as in the README."""
    ratio: float
    at_least: bool = True
    """Whether the bound is the least ratio; False: the largest."""

    def holds(self, ratio: float) -> bool:
        """Whether a measured ratio is within the bound."""
        return ratio >= self.ratio if self.at_least else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.ratio}"


BOUNDS = {
    "shared start": Bound(
        claim="options scored with a shared start, random Llama: padded batches / ours", ratio=1.8
    ),
    "nothing shared": Bound(
        claim="options scored where little is shared: padded batches / ours", ratio=0.9
    ),
    "whole process": Bound(
        claim="the whole process, same option scores: lm-evaluation-harness / ours", ratio=4.0
    ),
    "prefix caching": Bound(
        claim="options scored by vLLM: without prefix caching / with it", ratio=1.8
    ),
    "one query": Bound(
        claim="one query of a big index: ours / raw FAISS", ratio=1.1, at_least=False
    ),
    "batch": Bound(
        claim="a batch of 256 queries of a big index: ours / raw FAISS", ratio=1.1, at_least=False
    ),
    "flat batch": Bound(
        claim="a batch of 256 queries of a flat index: ours / raw FAISS with BLAS", ratio=1.1,
        at_least=False,
    ),
    "recall": Bound(claim="recall@10 of a big index", ratio=0.98),
    "prediction": Bound(
        claim="error of accuracy predicted from measured paraphrases: ours / 5 nearest",
        ratio=0.8, at_least=False,
    ),
    "prediction, worst task": Bound(
        claim="the same on the worst task: ours / 5 nearest", ratio=1.0, at_least=False
    ),
    "foreign texts": Bound(
        claim="AUROC of valid paraphrases against foreign texts, worst source of the task",
        ratio=0.95,
    ),
    "foreign, abstained": Bound(
        claim="share of valid paraphrases without a number, worst source", ratio=0.05,
        at_least=False,
    ),
    "quantiles 5%": Bound(
        claim="error of quantiles from 5% of the cells: ours / Rasch", ratio=0.5, at_least=False
    ),
    "quantiles 10%": Bound(
        claim="error of quantiles from 10% of the cells: ours / Rasch", ratio=0.5, at_least=False
    ),
    "quantiles 20%": Bound(
        claim="error of quantiles from 20% of the cells: ours / Rasch", ratio=0.65, at_least=False
    ),
    "live read": Bound(
        claim="16 prompts of a live prediction: ours / a bare forward pass over the same tokens",
        ratio=1.3, at_least=False,
    ),
    "live rate": Bound(
        claim="the same: share of the processor's rate of matrix products", ratio=0.6
    ),
    "alignment": Bound(
        claim="a step of PT+KL: ours / bare forward and backward pass", ratio=1.15, at_least=False
    ),
    "help": Bound(
        claim="help of every command: ours / importing torch and transformers", ratio=0.15,
        at_least=False,
    ),
    "light command": Bound(
        claim="published and import: ours / importing torch and transformers", ratio=0.4,
        at_least=False,
    ),
    "predict": Bound(
        claim="predict on the embedded backbone: ours / importing torch and transformers",
        ratio=1.5, at_least=False,
    ),
    "first page": Bound(
        claim="the first byte of the page: ours / importing gradio", ratio=1.2, at_least=False
    ),
    "first paint": Bound(
        claim="the page's first paint, seconds from its request", ratio=1.0, at_least=False
    ),
    "first number": Bound(
        claim="the page's first number, seconds from its request", ratio=2.0, at_least=False
    ),
    "layout shift": Bound(
        claim="cumulative layout shift while the page opens", ratio=0.05, at_least=False
    ),
    "requests": Bound(claim="requests of a visit to the page", ratio=60, at_least=False),
    "kilobytes": Bound(claim="kilobytes of a visit to the page", ratio=400, at_least=False),
    "key": Bound(
        claim="from key to card: ours / a direct call of predict", ratio=1.5, at_least=False
    ),
    "slow key": Bound(
        claim="from key to card, 95th percentile, seconds", ratio=0.25, at_least=False
    ),
    "answers": Bound(
        claim="both models' answers on the page, seconds", ratio=0.6, at_least=False
    ),
}


def markdown() -> str:
    """The README's table of claims."""
    rows = [f"| {bound.claim} | {bound} |" for bound in BOUNDS.values()]
    return "\n".join(["| claim | bound |", "|---|---|", *rows])
