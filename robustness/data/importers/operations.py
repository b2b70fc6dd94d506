"""Operators, methods and built-in functions of the interpreter, on texts, numbers, lists and dicts.

Only listed operations are supported, and the length of texts and lists is bounded.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robustness.data.importers.texts import MAX_SIZE, Unknown, bounded, changed, percent, text
from robustness.data.importers.wording import CLOSE, MARK, OPEN, UnreadableError


@dataclass(frozen=True, slots=True)
class Method:
    """A method bound to its value."""

    owner: Any
    name: str


class CountError(UnreadableError):
    """The code unpacks a list into a number of names that differs from its length."""

    def __init__(self, wanted: int, where: str) -> None:
        super().__init__(f"{where} unpacks a list of another length into {wanted} names")
        self.wanted = wanted


def add(left: Any, right: Any) -> Any:
    """Evaluates `left + right`."""
    if isinstance(left, list) and isinstance(right, list):
        return bounded([*left, *right])
    numbers = isinstance(left, int) and isinstance(right, int)
    if numbers:
        return left + right
    if isinstance(left, Unknown) and isinstance(right, Unknown):
        return left
    return bounded(text(left) + text(right))


def binary(op: ast.operator, left: Any, right: Any) -> Any:
    """Evaluates an arithmetic operator on texts, lists and small numbers."""
    if isinstance(op, ast.Add):
        return add(left, right)
    if isinstance(left, int) and isinstance(right, int):
        if isinstance(op, ast.Sub):
            return left - right
        if isinstance(op, ast.Mult) and abs(left * right) < MAX_SIZE:
            return left * right
    if isinstance(op, ast.Mult) and isinstance(left, (str, list)) and isinstance(right, int):
        if len(left) * right > MAX_SIZE:
            raise UnreadableError("it makes text or lists that are too long")
        return left * right
    if isinstance(op, ast.Mod) and isinstance(left, str):
        return percent(left, right)
    return Unknown("a calculation")


def logical(node: ast.Compare | ast.BoolOp | ast.UnaryOp, value: Callable[[ast.expr], Any]) -> Any:
    """Evaluates a comparison, `and`, `or`, `not` or a unary minus."""
    if isinstance(node, ast.BoolOp):
        found: Any = None
        for part in node.values:
            found = value(part)
            truth = True if isinstance(found, Unknown) else bool(found)
            if truth != isinstance(node.op, ast.And):
                break
        return found
    if isinstance(node, ast.UnaryOp):
        inner = value(node.operand)
        if isinstance(inner, Unknown):
            return inner
        if isinstance(node.op, ast.USub) and isinstance(inner, int):
            return -inner
        return not inner if isinstance(node.op, ast.Not) else Unknown("a calculation")
    left, right, op = value(node.left), value(node.comparators[0]), node.ops[0]
    if isinstance(left, Unknown) or isinstance(right, Unknown) or len(node.ops) > 1:
        return Unknown("a comparison")
    try:
        return _COMPARED[type(op)](left, right)
    except (KeyError, TypeError):
        return Unknown("a comparison")


_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: bool(a == b), ast.NotEq: lambda a, b: bool(a != b),
    ast.Lt: lambda a, b: bool(a < b), ast.LtE: lambda a, b: bool(a <= b),
    ast.Gt: lambda a, b: bool(a > b), ast.GtE: lambda a, b: bool(a >= b),
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
    ast.Is: lambda a, b: a is b, ast.IsNot: lambda a, b: a is not b,
}


def items(value: Any) -> list[Any]:
    """The items that a loop runs over."""
    if isinstance(value, (list, tuple, dict)):
        return list(value)
    if isinstance(value, str) and not MARK.search(value):
        return list(value)
    raise UnreadableError("it loops over a part of the input")


def item(holder: Any, key: Any) -> Any:
    """Evaluates `holder[key]`."""
    if isinstance(holder, dict) and isinstance(key, (str, int)):
        return holder.get(key, Unknown(str(key)))
    if isinstance(holder, (list, tuple)) and isinstance(key, int):
        if not -len(holder) <= key < len(holder):
            raise UnreadableError(f"it asks for item {key} of a list of {len(holder)}")
        return holder[key]
    return Unknown(str(key) if isinstance(key, str) else "part")


def cut(holder: Any, start: Any, end: Any) -> Any:
    """Evaluates `holder[start:end]`."""
    fixed = all(bound is None or isinstance(bound, int) for bound in (start, end))
    if fixed and isinstance(holder, list):
        return holder[start:end]
    if fixed and isinstance(holder, str):
        # A field's value differs in length from its mark, so no mark may be cut off.
        lost = (holder[:start] if start else "") + (
            "" if end is None else holder[end:] if end < 0 else holder
        )
        if not {OPEN, CLOSE} & set(lost):
            return holder[start:end]
    return Unknown("part")


def method(called: Method, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Evaluates a method of a text, a list or a dict."""
    owner, name = called.owner, called.name
    if isinstance(owner, str):
        return changed(owner, name, arguments, named)
    if isinstance(owner, list):
        return _list_method(owner, name, arguments)
    if isinstance(owner, dict):
        if name in ("keys", "values", "items"):
            return [list(x) if isinstance(x, tuple) else x for x in getattr(owner, name)()]
        if name in ("get", "pop") and arguments:
            return owner.get(arguments[0], arguments[1] if len(arguments) > 1 else None)
        if name == "copy":
            return dict(owner)
    return Unknown(name)


def _list_method(owner: list[Any], name: str, arguments: Sequence[Any]) -> Any:
    if name == "index" and arguments:
        # The right answer is the first option of the marked input, also where it was rewritten.
        return owner.index(arguments[0]) if arguments[0] in owner else 0
    if name == "append" and arguments:
        bounded(owner).append(arguments[0])
        return None
    if name == "copy":
        return list(owner)
    return Unknown(name)


BUILTINS: dict[str, Callable[..., Any]] = {
    "chr": chr, "ord": ord, "len": len, "str": text, "int": int, "list": items, "min": min,
    "max": max, "enumerate": lambda x, start=0: [[i, v] for i, v in enumerate(items(x), start)],
    "zip": lambda *x: [list(row) for row in zip(*map(items, x), strict=False)],
    "range": lambda *x: list(bounded(range(*x))), "sorted": lambda x: items(x),
    "dict": lambda: {}, "reversed": lambda x: items(x)[::-1], "print": lambda *_: None,
}


def builtin(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Evaluates a supported built-in function."""
    if any(isinstance(a, Unknown) for a in arguments):
        return Unknown("a calculation")
    try:
        if function is BUILTINS["range"] and len(range(*arguments)) > MAX_SIZE:
            raise UnreadableError("it counts too far")
        return function(*arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableError(f"a calculation fails: {error}") from error
