r"""Several values in one cell, such as options: separated by |, with `\|` for the mark itself."""

import re
from collections.abc import Sequence

_MARK = re.compile(r"(\\*)\|")
_END = re.compile(r"(\\+)$")


def split(text: str) -> tuple[str, ...]:
    r"""The values of a cell, without spaces around them; empty ones are left out.

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


def join(values: Sequence[str]) -> str:
    """One cell that `split` takes apart again."""
    last = len(values) - 1
    return "|".join(_escaped(value, n < last) for n, value in enumerate(values))


def _escaped(value: str, followed: bool) -> str:
    """A value whose own marks, and backslashes in front of a mark, are text."""
    made = _MARK.sub(lambda found: found[1] * 2 + r"\|", value)
    return _END.sub(lambda found: found[1] * 2, made) if followed else made
