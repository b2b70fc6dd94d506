"""Runs inside vLLM: its scheduler, without the drafts that hidden-state extraction proposes.

Refuses to know hidden states. vLLM extracts them in the place of a draft model and proposes each
token a second time as its draft. These guesses are worthless, cost a position a step, and where
they are rejected at a temperature above 0, vLLM's kernels for a CPU sample unlikely tokens.
"""

from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler


class WithoutDrafts(Scheduler):
    """Schedules one token a step."""

    def update_draft_token_ids(self, draft_token_ids: Any) -> None:
        """Takes no draft."""
