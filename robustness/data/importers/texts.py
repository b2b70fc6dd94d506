"""String operations of the interpreter on texts that contain marked fields.

The length of every result is bounded.
"""

import ast
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robustness.data.importers.wording import MARK, UnreadableError, mark

MAX_SIZE = 100_000
"""Largest number of characters of a text, and of items of a list."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that depends on the input, or on code that is not evaluated."""

    what: str


def bounded(value: Any) -> Any:
    """The value; raises UnreadableError where it is too long."""
    if isinstance(value, (str, list, tuple, dict)) and len(value) > MAX_SIZE:
        raise UnreadableError("it makes text or lists that are too long")
    return value


def text(value: Any, node: ast.expr | None = None) -> str:
    """A value as text; an unknown one becomes a marked field."""
    if isinstance(value, Unknown):
        return mark(node.id if isinstance(node, ast.Name) else _named(value.what))
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, (list, dict)):
        raise UnreadableError("it prints a list as Python writes it")
    raise UnreadableError(f"it prints a {type(value).__name__}")


def _named(what: str) -> str:
    words = re.findall(r"[A-Za-z_]\w*", what, re.ASCII)
    return words[-1] if words else "text"


def joined(separator: str, parts: Sequence[Any]) -> str:
    """Evaluates `separator.join(parts)`."""
    pieces: list[str] = []
    for part in parts:
        pieces += [separator, text(part)] if pieces else [text(part)]
    return _together(pieces)


def _together(pieces: Sequence[str]) -> str:
    """The pieces as one text, after checking its length."""
    if sum(map(len, pieces)) > MAX_SIZE:
        raise UnreadableError("it makes text or lists that are too long")
    return "".join(pieces)


def percent(template: str, values: Any) -> str:
    """Evaluates `template % values`."""
    given = list(values) if isinstance(values, (list, tuple)) else [values]
    pieces = re.split(r"(%(?:\((\w+)\))?[sdr])", template)
    made: list[str] = []
    for literal, spec, name in zip(pieces[::3], [*pieces[1::3], ""], [*pieces[2::3], ""],
                                   strict=True):
        made.append(literal.replace("%%", "%"))
        if name:
            made.append(text(values[name] if isinstance(values, dict) else Unknown(name)))
        elif spec:
            made.append(text(given.pop(0) if given else Unknown("text")))
    return _together(made)


def changed(
    owner: str, name: str, arguments: Sequence[Any], named: Mapping[str, Any]
) -> Any:
    """Evaluates a string method; Unknown where the result depends on the input."""
    if name == "format":
        return _formatted(owner, arguments, named)
    if name == "join" and arguments and isinstance(arguments[0], (list, tuple)):
        return joined(owner, arguments[0])
    if any(not isinstance(a, (str, int)) for a in arguments):
        return Unknown(name)
    if name in ("strip", "lstrip", "rstrip"):
        return getattr(owner, name)(*arguments)
    if name in ("lower", "upper", "title", "capitalize", "replace"):
        # The method is applied to the known text between the fields; marks stay as they are.
        if name == "replace" and len(arguments) > 1:
            old, new = str(arguments[0]), str(arguments[1])
            if (owner.count(old) if old else len(owner) + 1) * len(new) > MAX_SIZE:
                raise UnreadableError("it makes text or lists that are too long")
        pieces = re.split(f"({MARK.pattern.replace('(', '(?:', 1)})", owner)
        return bounded("".join(
            p if MARK.fullmatch(p) else str(getattr(p, name)(*arguments)) for p in pieces
        ))
    if MARK.search(owner) is None and name in ("split", "startswith", "endswith", "count"):
        return getattr(owner, name)(*arguments)
    return Unknown(name)


def _formatted(template: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> str:
    made, automatic = [], 0
    try:
        for literal, name, _, _ in string.Formatter().parse(template):
            made.append(literal)
            if name is None:
                continue
            if name == "" or name.isdigit():
                place, automatic = (int(name), automatic) if name else (automatic, automatic + 1)
                if place >= len(arguments):
                    raise UnreadableError(f"its text has more places than values ({{{name}}})")
                made.append(text(arguments[place]))
            elif name in named:
                found = named[name]
                made.append(mark(name) if isinstance(found, Unknown) else text(found))
            else:
                raise UnreadableError(f"its text has {{{name}}}, which nothing fills")
    except ValueError as error:
        raise UnreadableError(f"its braces do not match ({error})") from error
    return _together(made)
