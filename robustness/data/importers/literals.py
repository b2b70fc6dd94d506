"""Reads literal values from Python source by its syntax tree, without executing it.

Only literals, earlier names and `NAME[key]` are followed; anything else becomes `Unread`.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robustness.data.importers import folders
from robustness.data.importers.wording import UnreadableError
from robustness.errors import InputError

MAX_SOURCE = 8_000_000
"""Largest number of characters of a Python file; its syntax tree takes many times as much."""


@dataclass(frozen=True, slots=True)
class Made:
    """A call with literal arguments, e.g. FewShotPattern(inputs=..., targets=...)."""

    name: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that is computed by code and therefore not known."""

    line: int
    reason: str


def module(path: Path, expected: str) -> ast.Module:
    """Parses a Python file.

    Args:
        path: The file.
        expected: Description of the format, for error messages.

    Raises:
        InputError: The file is not Python, or too long.
        NotFoundError: There is no such file.
    """
    text = folders.text_of(path)
    if len(text) > MAX_SOURCE:
        raise InputError(f"{path} is longer than {MAX_SOURCE} characters; expected {expected}")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise InputError(f"{path}{where}: not Python ({error}); expected {expected}") from error


def value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a literal expression; parts that are computed by code become `Unread`.

    Args:
        node: The expression.
        names: Name -> value of the assignments before.
    """
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple() | ast.Set():
            return [value(item, names) for item in node.elts]
        case ast.Dict():
            made: dict[Any, Any] = {}
            for key, item in zip(node.keys, node.values, strict=True):
                found = value(item, names)
                if key is None:
                    made |= found if isinstance(found, dict) else {}
                else:
                    name = value(key, names)
                    made[name if isinstance(name, (str, int)) else f"line {key.lineno}"] = found
            return made
        case ast.BinOp(op=ast.Add()):
            left, right = value(node.left, names), value(node.right, names)
            if isinstance(left, str) and isinstance(right, str):
                return left + right
            if isinstance(left, list) and isinstance(right, list):
                return [*left, *right]
        case ast.JoinedStr():
            return _joined(node)
        case ast.Name():
            return names.get(node.id, Unread(node.lineno, f"the name {node.id} is made by code"))
        case ast.Subscript():
            whole, key = value(node.value, names), value(node.slice, names)
            if isinstance(whole, dict) and isinstance(key, (str, int)) and key in whole:
                return whole[key]
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
            named = {k.arg: value(k.value, names) for k in node.keywords if k.arg}
            if called == "dict" and not node.args:
                return named
            return Made(called, tuple(value(a, names) for a in node.args), named)
    return Unread(node.lineno, "it is made by code, not written down")


def _joined(node: ast.JoinedStr) -> Any:
    """An f-string as a `str.format` template: its names become fields in braces."""
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
            parts.append("{" + part.value.id + "}")
        else:
            return Unread(node.lineno, "its f-string holds more than names")
    return "".join(parts)


def tables(tree: ast.Module) -> dict[str, Any]:
    """Name -> value of a module's top-level assignments, including `NAME["key"] = value`."""
    names: dict[str, Any] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                names[name] = value(node, names)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                names[name] = value(node, names)
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name)) as target], value=node):
                key = value(target.slice, names)
                if isinstance(names.get(name), dict) and isinstance(key, (str, int)):
                    names[name][key] = value(node, names)
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="update"), args=[argument]
                )
            ):
                more = value(argument, names)
                if isinstance(names.get(name), dict) and isinstance(more, dict):
                    names[name] |= more
    return names


def text(found: Any, what: str) -> str:
    """A value that must be a text.

    Args:
        found: The value.
        what: What it is, for the error message.

    Raises:
        UnreadableError: It is not a text, or is computed by code.
    """
    if isinstance(found, str):
        return found
    if isinstance(found, Unread):
        raise UnreadableError(f"{what} cannot be read (line {found.line}): {found.reason}")
    raise UnreadableError(f"{what} is no text but {type(found).__name__}")
