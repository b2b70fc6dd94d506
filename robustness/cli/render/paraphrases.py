"""Renders the plan, the results and the cost of paraphrasing as text."""

from robustness.paraphrasing.pipeline import Plan, Receipt
from robustness.paraphrasing.token_cost import Bill, Spent


def rewriting(made: Plan) -> str:
    """The number of requests of a planned paraphrasing."""
    lines = [f"{made.sources} instructions, paraphrased by {made.made_by}"]
    if made.requests:
        lines.append(
            f"up to {made.requests} requests, {made.known} of them answered on disk; "
            f"{made.characters} characters to send"
        )
    return "\n".join(lines)


def rewritten(made: Receipt) -> str:
    """The written and rejected paraphrases, and their cost."""
    lines = [
        f"{made.out}: {made.kept} paraphrases of {made.sources - made.without} instructions"
        + (f", none of {made.without} others" if made.without else "")
    ]
    lines += [f"  left out, {ground}: {count}" for ground, count in sorted(made.left.items())]
    if made.left:
        lines.append(f"  each with its reason: {made.report}")
    if made.bill is not None:
        lines += _bill(made.bill)
    return "\n".join(lines)


def _bill(made: Bill) -> list[str]:
    def spent(what: Spent, money: float | None) -> str:
        tokens = f"{what.prompt_tokens} prompt and {what.completion_tokens} completion tokens"
        unknown = f", {what.uncounted} replies without a count" if what.uncounted else ""
        return f"{tokens}{unknown}" + (f", {money:.4f} at your prices" if money is not None else "")

    lines = [
        f"  asked now: {made.now.replies} requests ({made.retries} sent again), "
        + spent(made.now, made.money_now),
        f"  behind the file: {made.behind.replies} replies, "
        + spent(made.behind, made.money_behind),
    ]
    if made.tokens_per_paraphrase is not None:
        lines.append(f"  tokens per paraphrase kept: {made.tokens_per_paraphrase:.1f}")
    return lines
