"""Parses generated text into one of the answer options.

Nothing is guessed: a text that names no option, or several, is unparsed (None).
"""

import re
from collections.abc import Sequence

_LEAD = re.compile(
    r"^(?:the )?(?:correct |right |final |best )?(?:answer|option|choice|label)(?: is)?\s*:?\s+",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|isn't|no longer)\b", re.IGNORECASE)
_EDGE = " \t\r\n.,;:!?\"'`*()[]"


def _clean(text: str) -> str:
    return " ".join(text.strip(_EDGE).casefold().split())


def exact(text: str, word: str) -> bool:
    """Whether a generated text is exactly the word, ignoring case and punctuation around it."""
    return _clean(text) == _clean(word)


def _named(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def parse(text: str, options: Sequence[str], words: Sequence[str]) -> str | None:
    """The canonical option that a generated text names.

    Args:
        text: The generated text; only its first line with words is read.
        options: The canonical options.
        words: The word that the instruction asks for in place of each, in the same order.

    Returns:
        The option; None where the text is unparsed, which is counted apart from wrong answers.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return None
    first = _LEAD.sub("", lines[0].strip())
    whole = _clean(first)
    for spellings in (words, options):
        exact = [o for o, s in zip(options, spellings, strict=True) if _clean(s) == whole]
        if len(exact) == 1:
            return exact[0]
    if _NEGATION.search(first) and not any(_NEGATION.search(w) for w in [*words, *options]):
        return None
    return _by_letter(first, options, words) or _by_name(first, options, words)


def _by_letter(text: str, options: Sequence[str], words: Sequence[str]) -> str | None:
    """The option of `(B) kitchen`, `B. kitchen` or `B)`, where the instruction asks for letters."""
    match = re.match(r"\(?([A-Z])(?:[.):]|\s*$)", text.strip())
    if match is None or match.group(1) not in words:
        return None
    return options[words.index(match.group(1))]


def _by_name(text: str, options: Sequence[str], words: Sequence[str]) -> str | None:
    folded = text.casefold()
    found = {
        option
        for option, word in zip(options, words, strict=True)
        for spelling in (word, option)
        # A single letter inside a sentence ("a", "I") is a word, not an answer.
        if len(spelling) > 1 and _named(spelling.casefold(), folded)
    }
    # Of options that contain each other ("kitchen", "kitchen garden") only the longest counts.
    longest = {
        o for o in found
        if not any(o != p and o.casefold() in p.casefold() for p in found)
    }
    return longest.pop() if len(longest) == 1 else None
