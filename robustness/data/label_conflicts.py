"""Finds label conflicts: an instruction asks for answers that are not the ones scored.

Example: it asks for "True or False" while the log-probabilities of the letters A and B are
compared. Regular expressions find what an instruction asks for: pairs of words such as yes/no,
quoted words, a letter, a number, an explanation. A conflict is a warning, not a prediction: some
models lose much accuracy by it and others none (Table 3 of [S1]).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from robustness.data import prompts
from robustness.types import Conflict, Instruction

_FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({"yes", "no", "maybe", "unsure"}),
    frozenset({"true", "false", "neither", "unknown"}),
    frozenset({"correct", "incorrect", "wrong", "right"}),
    frozenset({"agree", "disagree"}),
)
_ANCHORS: tuple[tuple[str, str], ...] = (
    ("yes", "no"), ("true", "false"), ("correct", "incorrect"), ("right", "wrong"),
    ("agree", "disagree"),
)
_JOIN = r"\s*(?:,\s*(?:or|and)?|/|\||\bor\b|\band\b|\bversus\b|\bvs\b)\s*[\"'`(]*"
_VERB = (
    r"\b(?:answer|reply|respond|say|write|output|choose|pick|select|print|return|state|type|give|"
    r"label|classify|mark|tag)\b"
)
_EXPLAIN = re.compile(
    r"(?:(?:^|[.!?:;,\n]\s*|\b(?:and|then|please|also|briefly|must|should)\s+)"
    r"(?:explain|justify|elaborate)\b|\bgive (?:a |your |the )?(?:reasons?|explanations?)|"
    r"\bdescribe (?:how|why)\b|\bstep by step\b|\bin (?:a )?(?:full|complete) sentences?\b|"
    r"\bwrite (?:a |one )?(?:paragraph|essay|summary)\b)",
    re.IGNORECASE,
)
_EXPLAINING = re.compile(
    # A sentence of its own goes whole; of a longer one, the clause that asks for it.
    rf"(?P<before>^|[.!?\n])[ \t]*(?:(?:and|then|please|also|briefly)\s+)*(?:{_EXPLAIN.pattern})"
    rf"[^.!?\n{{]*[.!?]?|[ \t,;:]*(?:\b(?:and|then|please|also|briefly)\s+)*(?:{_EXPLAIN.pattern})"
    r"[^.!?\n{]*",
    re.IGNORECASE,
)
_OF_OPTION = r"(?:\s+of (?:the|your) (?:(?:correct|right|best) )?(?:option|answer|choice)s?)?"
_NEGATED = re.compile(
    r"\b(?:not|don't|never|without|instead of|no|rather than)\b[^.!?\n]{0,30}$", re.IGNORECASE
)
_LETTER = re.compile(
    r"\b(?:the|a|its|one|only the|single) (?:correct |right |option |answer |choice )?letter\b",
    re.IGNORECASE,
)
_LETTERS = re.compile(
    rf"(?i:{_VERB})[^.!?\n]{{0,40}}?[\"'`(]*\bA\b[\"'`)]*(?:\s*(?:,|/|\||or|and)\s*)+"
    r"[\"'`(]*B\b[\"'`)]*(?:(?:\s*(?:,|/|\||or|and)\s*)+[\"'`(]*[C-Z]\b[\"'`)]*)*"
)
_NUMBER = re.compile(
    r"\bthe (?:option |answer |choice )?number of (?:the|your) (?:\w+ )?(?:option|answer|choice)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    rf"{_VERB}[^.!?\n]{{0,30}}?((?:[\"'`][\w -]{{1,24}}[\"'`](?:\s*(?:,|/|or|and)\s*)*){{2,}})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What an instruction asks for, at one place of its text."""

    words: tuple[str, ...]
    start: int
    span: str
    """The list of words as it is written in the text; empty where no list can be replaced."""


def _folded(words: Iterable[str]) -> set[str]:
    return {w.casefold() for w in words}


def _family_asks(text: str) -> list[_Ask]:
    """`yes or no`, `True, False or Neither`, `correct/incorrect`."""
    asks = []
    for first, second in _ANCHORS:
        members = "|".join(next(f for f in _FAMILIES if first in f))
        pattern = rf"\b(?:{members})\b[\"'`)]*(?:{_JOIN}\b(?:{members})\b[\"'`)]*)+"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            words = tuple(dict.fromkeys(re.findall(rf"\b(?:{members})\b", match[0], re.IGNORECASE)))
            if {first, second} <= _folded(words):
                asks.append(_Ask(words, match.start(), match[0]))
    return asks


def _asks(text: str) -> list[_Ask]:
    asks = _family_asks(text)
    asks += [_Ask(("the letter of an option",), m.start(), "") for m in _LETTER.finditer(text)]
    for match in _LETTERS.finditer(text):
        letters = tuple(re.findall(r"\b[A-Z]\b", match[0]))
        asks.append(_Ask(letters, match.start(), match[0][match[0].index(letters[0]) :]))
    asks += [_Ask(("the number of an option",), m.start(), "") for m in _NUMBER.finditer(text)]
    for match in _QUOTED.finditer(text):
        words = tuple(re.findall(r"[\"'`]([\w -]+?)[\"'`]", match[1]))
        if len(words) > 1:
            asks.append(_Ask(words, match.start(), match[1].strip()))
    asks += [_Ask(("a free explanation",), m.start(), "") for m in _EXPLAIN.finditer(text)]
    return [a for a in asks if not _NEGATED.search(text[: a.start])]


def _is_read(ask: _Ask, read: Sequence[str]) -> bool:
    if ask.words == ("the letter of an option",):
        return all(len(word) == 1 and word.isalpha() for word in read)
    if ask.words == ("the number of an option",):
        return all(word.isdigit() for word in read)
    if ask.words == ("a free explanation",):
        return False
    return bool(_folded(ask.words) & _folded(read))


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]


def _template_text(instruction: Instruction) -> str:
    return re.sub(prompts.PLACEHOLDER, "\N{HORIZONTAL ELLIPSIS}", instruction.text)


def _fixed(text: str, ask: _Ask, read: Sequence[str]) -> str:
    """The text rewritten so that at one place it asks for the scored answers."""
    if ask.span:
        # A closing quote or bracket at the end of the span was opened before the span: keep it.
        return text.replace(ask.span.rstrip(" \"'`)"), _listed(read))
    if ask.words == ("a free explanation",):
        return _EXPLAINING.sub(lambda m: m["before"] or "", text).strip() or text
    pattern = _LETTER if ask.words == ("the letter of an option",) else _NUMBER
    return re.sub(rf"(?i:{pattern.pattern}){_OF_OPTION}", _listed(read), text)


def find(instruction: Instruction, options: Sequence[str]) -> tuple[Conflict, ...]:
    """Finds conflicts between the answers that an instruction asks for and those that are scored.

    Args:
        instruction: The instruction, with its label words and option format.
        options: Canonical options of the input.

    Returns:
        One conflict for each set of words that is asked for but not scored. All carry the same
        suggestion: the instruction rewritten so that no conflict is left, where that is possible.
    """
    if not options:
        return ()
    read = prompts.label_words(instruction, options)
    unread: dict[tuple[str, ...], _Ask] = {}
    asks = _asks(_template_text(instruction))
    satisfied = any(_is_read(ask, read) for ask in asks)
    for ask in asks:
        # "Is it yes or no? Give the letter" asks for the letter and only names the options.
        named = satisfied and _folded(ask.words) <= _folded(options)
        if not named and not _is_read(ask, read):
            unread.setdefault(ask.words, ask)
    rewritten = instruction.text
    for ask in unread.values():
        rewritten = _fixed(rewritten, ask, read)
    clean = rewritten != instruction.text and not any(
        not _is_read(ask, read) for ask in _asks(_template_text(replace(instruction, id="",
        text=rewritten)))
    )
    return tuple(
        Conflict(
            asked=ask.words,
            read=read,
            message=f"It asks for {_listed(ask.words)}, but what is scored is {_listed(read)}.",
            suggestion=rewritten if clean else None,
        )
        for ask in unread.values()
    )
