r"""Splits and joins lists in one cell, such as options: separated by |, `\|` for a | itself."""

import re
from collections.abc import Sequence

_MARK = re.compile(r"(\\*)\|")
_END = re.compile(r"(\\+)$")


def split(text: str) -> tuple[str, ...]:
    r"""The values of a cell, without spaces around them and without empty ones.

    Backslashes count only in front of a mark: `a\|b|c` holds `a|b` and `c`, `a\\|b` holds `a\` and
    `b`; elsewhere a backslash is text.
    """
    parts = [""]
    place = 0
    for found in _MARK.finditer(text):
        backslashes, is_text = divmod(len(found[1]), 2)
        parts[-1] += text[place : found.start()] + "\\" * backslashes
        if is_text:
            parts[-1] += "|"
        else:
            parts.append("")
        place = found.end()
    parts[-1] += text[place:]
    return tuple(part.strip() for part in parts if part.strip())


def place(answer: str, options: Sequence[str]) -> int | None:
    """The place of the option that a number stands for, counted from 0; None if it is a text."""
    if answer in options or not (answer.isascii() and answer.isdecimal()):
        return None
    return int(answer) if len(answer) < 4 and int(answer) < len(options) else None


def join(values: Sequence[str]) -> str:
    """A cell from which `split` gives the values again."""
    last = len(values) - 1
    return "|".join(_escaped(value, n < last) for n, value in enumerate(values))


def _escaped(value: str, followed: bool) -> str:
    """A value in which each | and each backslash in front of a | is escaped."""
    made = _MARK.sub(lambda found: found[1] * 2 + r"\|", value)
    return _END.sub(lambda found: found[1] * 2, made) if followed else made
