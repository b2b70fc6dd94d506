"""Sentences of the library in the page's languages.

The English table has their patterns under `said.`; the scripts do the same in `static/words.js`.
"""

import re
from functools import cache

from server.page import head

_NAME = re.compile(r"\{(\w+)\}")
_BEGINNING = "said."
_NESTED = ("why", "where", "hint", "what", "unit", "kind", "device")
"""Names of what is filled in that is a sentence or a word of the library's own."""
_LISTS = ("others", "tasks")
"""Names of lists of such words."""
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns with their keys, those with most letters of their own first."""
    english = {k: v for k, v in head.words("en").items() if k.startswith(_BEGINNING)}
    ordered = sorted(english, key=lambda key: -len(_NAME.sub("", english[key])))
    return tuple((_pattern(english[key]), key) for key in ordered)


def _pattern(text: str) -> re.Pattern[str]:
    """What matches a sentence, with a group for each of its names."""
    pieces = _NAME.split(text)
    made = [f"(?P<{p}>.*?)" if n % 2 else re.escape(p) for n, p in enumerate(pieces)]
    return re.compile("".join(made), re.DOTALL)


@cache
def _words(language: str) -> dict[str, str]:
    return head.words(language)


def key_of(text: str) -> str | None:
    """The key of the words of a sentence; None if the tables have none."""
    return next((key for pattern, key in _patterns() if pattern.fullmatch(text)), None)


def said(text: str, language: str) -> str:
    """A sentence of the library in a language; as it is where the tables have no words for it."""
    if language not in head.LANGUAGES or language == "en":
        return text
    for pattern, key in _patterns():
        match = pattern.fullmatch(text)
        if match:
            filled = match.groupdict()
            filled = {name: _nested(name, value, language) for name, value in filled.items()}
            return word(key, language, **filled)
    return text


def _nested(name: str, value: str, language: str) -> str:
    if name in _LISTS:
        return ", ".join(said(part, language) for part in value.split(", "))
    return said(value, language) if name in _NESTED else value


def word(key: str, language: str, **values: object) -> str:
    """The words of a key, with {names} filled in; in English for a language that there is not."""
    table = _words(language if language in head.LANGUAGES else "en")
    return _NAME.sub(lambda m: str(values.get(m[1], m[0])), table[key])


def numbers(text: str, language: str) -> str:
    """A text whose numbers have the decimal sign of a language."""
    return _POINT.sub(word("tables.decimal", language), text)
