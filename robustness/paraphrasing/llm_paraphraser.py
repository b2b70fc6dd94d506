"""Paraphrases instructions with a chat model behind an OpenAI-compatible address.

The user names address and model; nothing but the instruction is sent. The prompts follow section 5
of [S1].
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from robustness.data.instructions import PARAPHRASES
from robustness.paraphrasing.candidate_filter import CandidateFilter
from robustness.paraphrasing.defaults import CANDIDATES, TEMPERATURE
from robustness.storage.result_cache import Journal
from robustness.types import Instruction

if TYPE_CHECKING:
    from robustness.paraphrasing.chat_endpoint import Endpoint

PROMPTS = (
    "Reword the instruction below. Keep its meaning.",
    "How else would people ask for the same as the instruction below does?",
    "Say what the instruction below says, in simple words and in detail.",
)
"""Three prompts, as in section 5 of Sun et al. (2023); the wording is this project's."""
_RULES = (
    "Keep every word in curly braces exactly as it is, and every answer word that the instruction "
    "names."
)
_ONE = "Write the new instruction alone, without quotation marks or comments."
_SEVERAL = (
    "Write {count} different versions, one a line (\\n for a line break within it), without "
    "numbers, quotation marks or comments."
)
_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_COMMENT = re.compile(r"^(?:sure|certainly|of course|okay|here(?:'s| is| are))\b[^{}]*:$", re.I)
_PATIENCE = 2
"""Attempts of a request while a user waits for the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmParaphraser:
    """A chat model that rewords one instruction while a user waits."""

    url: str
    """Address of the API, up to and including `/v1`."""
    model: str
    key: str = ""
    """Bearer token, where the server requires one."""
    temperature: float = TEMPERATURE

    @property
    def calls(self) -> int:
        """Number of requests for one instruction."""
        return len(PROMPTS)

    def reword(
        self, instruction: Instruction, *, options: Sequence[str] = (), count: int = 5
    ) -> list[str]:
        """Valid rewordings of an instruction, no two of them near-duplicates.

        Args:
            instruction: The instruction to reword.
            options: The task's canonical options, where they are the same for all inputs.
            count: Rewordings asked for with each prompt.

        Raises:
            InputError: The address is malformed, or no model is named.
            EngineError: The server does not answer, refuses, or answers in another format.
        """
        endpoint = connect(
            url=self.url, model=self.model, key=self.key, temperature=self.temperature,
            attempts=_PATIENCE,
        )
        made = proposals(endpoint, instruction, candidates=1, count=count)
        passed = CandidateFilter([instruction]).through(instruction, made, options=options)
        return [p.text for p in passed]


def connect(
    *, url: str, model: str, key: str, temperature: float, journal: Journal | None = None,
    attempts: int = 6,
) -> "Endpoint":
    """An endpoint: see `chat_endpoint.Endpoint`.

    The module is loaded only now: the `openai` package takes longer to import than most commands
    take to run.
    """
    module = importlib.import_module("robustness.paraphrasing.chat_endpoint")
    made: Endpoint = module.Endpoint(
        url=url, model=model, key=key, temperature=temperature, journal=journal, attempts=attempts
    )
    return made


def requests(
    source: Instruction, *, candidates: int = CANDIDATES, count: int = 1
) -> list[tuple[str, int, int]]:
    """The requests for one instruction: (message, number of the prompt, number of the candidate).

    Args:
        source: The instruction to reword.
        candidates: Replies to each prompt.
        count: Versions asked for in each reply.
    """
    manner = _ONE if count == 1 else _SEVERAL.format(count=count)
    return [
        (f"{prompt} {_RULES} {manner}\n\n{source.text}", number, candidate)
        for number, prompt in enumerate(PROMPTS, start=1)
        for candidate in range(1, candidates + 1)
    ]


def proposals(
    endpoint: "Endpoint", source: Instruction, *, candidates: int = CANDIDATES, count: int = 1
) -> Iterator[Instruction]:
    """Candidate paraphrases of an instruction, not yet filtered; requests are sent as needed.

    Args:
        endpoint: The chat model.
        source: The instruction to reword.
        candidates: Replies to each prompt.
        count: Versions asked for in each reply.

    Raises:
        InputError, EngineError: As `Endpoint.ask`.
    """
    for message, number, candidate in requests(source, candidates=candidates, count=count):
        reply = endpoint.ask(message, candidate)
        for text in _versions(reply, one=count == 1):
            yield replace(
                source, text=text, collection=PARAPHRASES, observed=False, id="",
                source=f"{endpoint.model}, prompt {number}, candidate {candidate}, "
                f"temperature {endpoint.temperature:g}",
            )


def _versions(reply: str, *, one: bool) -> list[str]:
    """The rewordings in a reply."""
    lines = [line for line in reply.strip().splitlines() if not _COMMENT.match(line.strip())]
    texts = ["\n".join(lines)] if one else [_MARK.sub("", line) for line in lines]
    bare = [t.strip().strip('"').strip().replace("\\n", "\n") for t in texts]
    return bare if one else [t for t in bare if t]
