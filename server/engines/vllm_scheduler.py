"""A scheduler, loaded by vLLM, without the draft tokens that hidden-state extraction proposes.

vLLM extracts hidden states in the place of a draft model for speculative decoding and proposes each
token a second time as its draft. These drafts are useless and cost a position in each step; and
where they are rejected at a temperature above 0, vLLM's CPU kernels sample unlikely tokens. For the
hidden states see `vllm_connector.py`.
"""

from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler


class WithoutDrafts(Scheduler):
    """Schedules one token of each request in a step."""

    def update_draft_token_ids(self, draft_token_ids: Any) -> None:
        """Ignores the drafts."""
