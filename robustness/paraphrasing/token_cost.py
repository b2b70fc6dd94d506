"""What a served model's replies cost: tokens as its server counts them, and money at given prices.

Refuses to know prices, and to guess tokens that a server does not count.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What replies cost, in tokens as the server counts them."""

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    """Replies whose `usage` the server did not give; their tokens are not in the sums."""

    def plus(self, reply: dict[str, Any]) -> "Spent":
        """With one more reply, as the journal keeps it."""
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
    """Money a million tokens, in the user's own currency."""

    prompt: float
    completion: float

    def of(self, spent: Spent) -> float:
        """What replies cost."""
        tokens = spent.prompt_tokens * self.prompt + spent.completion_tokens * self.completion
        return tokens / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a served model cost."""

    now: Spent
    """Asked by this run."""
    behind: Spent
    """All replies behind the file, those of earlier runs too."""
    retries: int
    tokens_per_paraphrase: float | None
    """Tokens behind the file, prompt and completion, for each paraphrase kept; None where the
    server did not count all of them."""
    money_now: float | None = None
    money_behind: float | None = None


def bill(
    now: Spent, behind: Spent, *, retries: int, kept: int, prices: Prices | None = None
) -> Bill:
    """What paraphrases cost.

    Args:
        now: Asked by this run.
        behind: All replies behind the paraphrases.
        retries: Requests that were sent again.
        kept: Paraphrases that came of it.
        prices: None: money is not counted.
    """
    tokens = behind.prompt_tokens + behind.completion_tokens
    priced = None if behind.uncounted else prices
    return Bill(
        now=now, behind=behind, retries=retries,
        tokens_per_paraphrase=tokens / kept if kept and not behind.uncounted else None,
        money_now=priced.of(now) if priced else None,
        money_behind=priced.of(behind) if priced else None,
    )
