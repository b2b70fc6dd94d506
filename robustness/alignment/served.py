"""Paraphrases from a model behind an OpenAI-compatible address that the user names.

Refuses to choose an address, and sends nothing but the instruction.
"""

import re
from dataclasses import dataclass

import httpx

from robustness.alignment.paraphrase import MOST_ALIKE, fault, fivegrams, jaccard
from robustness.errors import EngineError, InputError
from robustness.prompts import placeholders
from robustness.types import Instruction

PROMPTS = (
    "Reword the instruction below in {count} different ways. Keep its meaning.",
    "How else would people ask for the same? Write {count} other phrasings of the instruction.",
    "Write {count} versions of the instruction below, from short and plain to detailed.",
)
"""Three requests, as in section 5 of Sun et al. (2023)."""
_RULES = (
    "Keep every word in curly braces exactly as it is, and every answer word that the instruction "
    "names. Write one version a line (\\n for a line break within it), without numbers, quotation "
    "marks or comments."
)
_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedParaphraser:
    """A model that rewords."""

    url: str
    """Up to and including `/v1`."""
    model: str
    key: str = ""
    """Bearer token, where the server wants one."""
    temperature: float = 0.5

    @property
    def calls(self) -> int:
        """Requests that one instruction takes."""
        return len(PROMPTS)

    def reword(self, instruction: Instruction, *, count: int = 5) -> list[str]:
        """Valid rewordings of an instruction, each different from it and from one another.

        Args:
            instruction: What to reword.
            count: Asked for with each prompt.

        Raises:
            InputError: The address is malformed.
            EngineError: The server does not answer, refuses, or answers in another format.
        """
        kept: list[str] = []
        seen = [fivegrams(instruction.text)]
        for prompt in PROMPTS:
            for line in self._ask(prompt.format(count=count), instruction.text).splitlines():
                text = _MARK.sub("", line).strip().strip('"').replace("\\n", "\n")
                grams = fivegrams(text)
                if not text or _invalid(text, instruction) or any(
                    jaccard(grams, other) > MOST_ALIKE for other in seen
                ):
                    continue
                seen.append(grams)
                kept.append(text)
        return kept

    def _ask(self, request: str, text: str) -> str:
        body = {
            "model": self.model,
            "temperature": self.temperature,
            "messages": [{"role": "user", "content": f"{request} {_RULES}\n\n{text}"}],
        }
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        address = f"{self.url.rstrip('/')}/chat/completions"
        try:
            reply = httpx.post(address, json=body, headers=headers, timeout=_TIMEOUT)
            reply.raise_for_status()
            content = reply.json()["choices"][0]["message"]["content"]
        except httpx.InvalidURL as error:
            raise InputError(f"{self.url!r} is not an address: {error}") from error
        except httpx.HTTPStatusError as error:
            raise EngineError(
                f"{address} answered {error.response.status_code}: {error.response.text[:200]}"
            ) from error
        except httpx.HTTPError as error:
            raise EngineError(f"{address} does not answer: {error}") from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise EngineError(f"{address} does not answer as OpenAI's API does") from error
        return str(content)


def _invalid(text: str, source: Instruction) -> bool:
    if sorted(placeholders(text)) != sorted(placeholders(source.text)):
        return True
    made = Instruction(
        text=text, collection="served", task_type=source.task_type, task=source.task,
        label_words=source.label_words, option_format=source.option_format,
    )
    return fault(made, source) is not None
