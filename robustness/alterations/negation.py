"""An instruction turned into its opposite by a 'not' in the sentence that asks [S1].

Refuses to know tasks and labels. Where no rule finds the asking sentence, a sentence in front
takes the whole instruction back.
"""

import re

from robustness.alignment import grammar, layout

TAKEN_BACK = "Do not do what is asked here."

_ORDER = re.compile(
    r"^(?:please )?(?:say|write|mark|choose|label|answer|sort|tell|decide|pick|give|name|assign|"
    r"classify|select|identify|reply|use|put|find|judge|determine|state|rate|match|complete|"
    r"work out|guess|predict|indicate|report|categori[sz]e|tag|group|specify|describe|respond|"
    r"detect|output|return|provide|check)\b(?! (?:with|in|by|using|yes|only)\b)",
    re.IGNORECASE,
)
_LEAST_WORDS = 3
"""Fewer are a cue ('Mark:'), not a request."""
_DUTY = re.compile(r"\b(your (?:task|job|goal|aim) (?:is|was))(?= to\b)", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|does|do|did|has|have|can|could|will|would|should|might|may|must)\b",
    re.IGNORECASE,
)
_COPULA = re.compile(r"\b(is|are|was|were|can|will|should)\b(?! not\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"[^\n.?!]+[.?!]*")
_MARKER = re.compile(
    r"^\s*(?:[A-Z][\w ]{0,30}:\s+|(?:based on|according to|judging by|given)\s[^,?:{]+,\s*)",
    re.IGNORECASE,
)


def _question(sentence: str) -> str | None:
    """`Where is {name}?` -> `Where is {name} not?`."""
    for found in _AUXILIARY.finditer(sentence):
        rest = sentence[found.end() :].rstrip(" ?").split()
        length = grammar.noun_phrase(rest)
        if length:
            words = [sentence[: found.end()], *rest[:length], "not", *rest[length:]]
            return " ".join(words) + "?"
    return None


def _order(sentence: str) -> str | None:
    """`Name the place.` -> `Do not name the place.`."""
    if not _ORDER.match(sentence) or len(sentence.split()) < _LEAST_WORDS:
        return None
    polite = re.match(r"please ", sentence, re.IGNORECASE)
    bare = sentence[polite.end() :] if polite else sentence
    made = "do not " + grammar.lower_first(bare)
    return (sentence[: polite.end()] if polite else "") + (
        grammar.upper_first(made) if sentence[0].isupper() and not polite else made
    )


def _statement(sentence: str) -> str | None:
    """`{name} is in the` -> `{name} is not in the`; `carries a` -> `does not carry a`."""
    found = list(_COPULA.finditer(sentence))
    if found:
        end = found[-1].end()
        return f"{sentence[:end]} not{sentence[end:]}"
    words = sentence.split()
    for number, word in enumerate(words):
        before = words[:number]
        inflected = grammar.base_form(word)
        if before and grammar.noun_phrase(before) == len(before) and inflected:
            return " ".join([*before, inflected[0], "not", inflected[1], *words[number + 1 :]])
    return None


def _sentence(sentence: str) -> str | None:
    """One sentence turned, or None where no rule fits."""
    marker = _MARKER.match(sentence)
    start = marker.end() if marker else len(sentence) - len(sentence.lstrip())
    head, asked = sentence[:start], sentence[start:]
    if _DUTY.search(asked):
        return head + _DUTY.sub(r"\1 not", asked)
    made = _question(asked) if asked.rstrip().endswith("?") else _order(asked)
    return None if made is None else head + made


def negate(text: str) -> str:
    """The instruction that asks for the opposite; placeholders and layout stay.

    Args:
        text: A template, or an instruction alone.
    """
    found = layout.outline(text)
    core = found.core_text
    if core and text.count(core) == 1:
        made = _statement(core) if found.core is not None and found.core.cloze else _sentence(core)
        if made is not None:
            return text.replace(core, made)
    for match in _SENTENCE.finditer(text):
        made = _sentence(match[0])
        if made is not None:
            return text[: match.start()] + made + text[match.end() :]
    return f"{TAKEN_BACK}\n{text}"
