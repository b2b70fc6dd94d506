"""Counts what a chat model's replies cost: tokens as its server reports them, and money.

The user gives the prices. Tokens that a server does not report are not estimated.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Number of replies and of their tokens, as the server reports them."""

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    """Number of replies without `usage`; their tokens are not in the sums."""

    def plus(self, reply: dict[str, Any]) -> "Spent":
        """The counts with one more reply, given as the cache stores it."""
        counted = reply["prompt_tokens"] is not None and reply["completion_tokens"] is not None
        return Spent(
            replies=self.replies + 1,
            prompt_tokens=self.prompt_tokens + (reply["prompt_tokens"] if counted else 0),
            completion_tokens=self.completion_tokens
            + (reply["completion_tokens"] if counted else 0),
            uncounted=self.uncounted + (not counted),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices of a million tokens, in any currency."""

    prompt: float
    completion: float

    def of(self, spent: Spent) -> float:
        """The price of some replies."""
        tokens = spent.prompt_tokens * self.prompt + spent.completion_tokens * self.completion
        return tokens / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The cost of the paraphrases that a chat model made."""

    now: Spent
    """Replies requested by this run."""
    behind: Spent
    """All replies that the file was made from, including those of earlier runs."""
    retries: int
    tokens_per_paraphrase: float | None
    """Prompt and completion tokens of all replies, divided by the number of paraphrases kept; None
    where the server did not report all tokens."""
    money_now: float | None = None
    money_behind: float | None = None


def bill(
    now: Spent, behind: Spent, *, retries: int, kept: int, prices: Prices | None = None
) -> Bill:
    """Sums up the cost of paraphrases.

    Args:
        now: Replies requested by this run.
        behind: All replies that the paraphrases were made from.
        retries: Number of requests that were repeated.
        kept: Number of paraphrases that were kept.
        prices: Prices of the tokens; None: no money is computed.
    """
    tokens = behind.prompt_tokens + behind.completion_tokens
    priced = None if behind.uncounted else prices
    return Bill(
        now=now, behind=behind, retries=retries,
        tokens_per_paraphrase=tokens / kept if kept and not behind.uncounted else None,
        money_now=priced.of(now) if priced else None,
        money_behind=priced.of(behind) if priced else None,
    )
