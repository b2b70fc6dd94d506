"""Evaluates the statements and expressions of one function call on their syntax trees.

No code is executed. Texts, lists, dicts and the source's own functions are evaluated; the value of
everything else is unknown and taken for a part of the input, named after the variable that it is
assigned to.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from robustness.data.importers import operations
from robustness.data.importers.program import Bound, Instance, Module
from robustness.data.importers.texts import Unknown, joined, text
from robustness.data.importers.wording import UnreadableError, mark


class ReturnError(Exception):
    """Raised by a return statement; carries the returned value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Caller(Protocol):
    """What a scope needs of the interpreter, which `interpreter.Machine` provides."""

    def call(
        self,
        function: Bound,
        arguments: Sequence[Any],
        named: Mapping[str, Any] | None = None,
        *,
        spread: bool = False,
    ) -> Any:
        """Evaluates a call; see `interpreter.Machine.call`."""

    def step(self, node: ast.AST) -> None:
        """Counts one step; see `interpreter.Machine.step`."""

    def value(self, node: ast.expr, home: Module, instance: Instance | None = None) -> Any:
        """Evaluates an expression outside functions."""


class Scope:
    """The local names of one call, in which its body is evaluated."""

    def __init__(
        self, machine: Caller, home: Module, names: dict[str, Any], instance: Instance | None
    ) -> None:
        self._machine, self._home, self._names, self._self = machine, home, names, instance

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Evaluates statements in order."""
        for statement in body:
            self._machine.step(statement)
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Return(value=node):
                raise ReturnError(None if node is None else self.value(node))
            case ast.Assign(targets=targets, value=node):
                made = self.value(node)
                for target in targets:
                    self._assign(target, made)
            case ast.AnnAssign(target=target, value=ast.expr() as node):
                self._assign(target, self.value(node))
            case ast.AugAssign(target=target, op=ast.Add(), value=node):
                before = self.value(ast.copy_location(_loaded(target), target))
                self._assign(target, operations.add(before, self.value(node)))
            case ast.If(test=test, body=body, orelse=otherwise):
                self.run(body if self._holds(test) else otherwise)
            case ast.For(target=target, iter=node, body=body):
                for item in operations.items(self.value(node)):
                    self._assign(target, item)
                    self.run(body)
            case ast.Expr(value=node):
                self.value(node)
            case ast.Try(body=body):
                self.run(body)
            case ast.Pass() | ast.Assert() | ast.AnnAssign() | ast.Import() | ast.ImportFrom():
                pass
            case _:
                raise UnreadableError(
                    f"line {statement.lineno} holds a {type(statement).__name__} statement"
                )

    def _assign(self, target: ast.expr, made: Any) -> None:
        match target:
            case ast.Name(id=name):
                self._names[name] = mark(name) if isinstance(made, Unknown) else made
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                values = [made] * len(parts) if isinstance(made, Unknown) else list(made)
                if len(values) != len(parts):
                    raise operations.CountError(len(parts), f"line {target.lineno}")
                for part, item in zip(parts, values, strict=True):
                    self._assign(part, item)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if self._self is not None:
                self._self.attributes[name] = made
            case ast.Subscript(value=node, slice=key):
                holder = self.value(node)
                if isinstance(holder, (dict, list)):
                    found = mark(str(self.value(key))) if isinstance(made, Unknown) else made
                    holder[self.value(key)] = found
            case _:
                raise UnreadableError(f"line {target.lineno} assigns to something unknown")

    def _holds(self, test: ast.expr) -> bool:
        found = self.value(test)
        return True if isinstance(found, Unknown) else bool(found)

    def value(self, node: ast.expr) -> Any:
        """Evaluates an expression."""
        self._machine.step(node)
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                return self._name(name)
            case ast.List() | ast.Tuple() | ast.Set():
                return [self.value(item) for item in node.elts]
            case ast.Dict():
                return {
                    self.value(k): self.value(v)
                    for k, v in zip(node.keys, node.values, strict=True) if k is not None
                }
            case ast.JoinedStr():
                parts = [self.value(part) for part in node.values]
                return joined("", parts)
            case ast.FormattedValue(value=inner):
                return text(self.value(inner), inner)
            case ast.BinOp(left=left, op=op, right=right):
                return operations.binary(op, self.value(left), self.value(right))
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                return self.value(body if self._holds(test) else otherwise)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp():
                return operations.logical(node, self.value)
            case ast.Subscript(value=inner, slice=key):
                return self._item(self.value(inner), key)
            case ast.Attribute(value=inner, attr=name):
                return self._attribute(self.value(inner), name)
            case ast.Lambda():
                return Bound(node, self._home, self._self, dict(self._names))
            case ast.ListComp(elt=inner, generators=[loop]) | ast.GeneratorExp(
                elt=inner, generators=[loop]
            ):
                return self._comprehension(inner, loop)
            case ast.Call():
                return self._call(node)
        return Unknown(ast.unparse(node)[:60])

    def _name(self, name: str) -> Any:
        if name in self._names:
            return self._names[name]
        if name in self._home.names:
            return self._home.names[name]
        for node in self._home.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return Bound(node, self._home, None)
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == name for t in node.targets
            ):
                made = self._machine.value(node.value, self._home)
                self._home.names[name] = made
                return made
        return operations.BUILTINS.get(name, Unknown(name))

    def _comprehension(self, inner: ast.expr, loop: ast.comprehension) -> list[Any]:
        made, kept = [], dict(self._names)
        for item in operations.items(self.value(loop.iter)):
            self._assign(loop.target, item)
            if all(self._holds(test) for test in loop.ifs):
                made.append(self.value(inner))
        self._names = kept
        return made

    def _item(self, holder: Any, key: ast.expr) -> Any:
        if isinstance(key, ast.Slice):
            ends = [None if k is None else self.value(k) for k in (key.lower, key.upper)]
            return operations.cut(holder, ends[0], ends[1])
        return operations.item(holder, self.value(key))

    def _attribute(self, holder: Any, name: str) -> Any:
        if not isinstance(holder, Instance):
            return operations.Method(holder, name)
        if name in holder.attributes:
            return holder.attributes[name]
        if found := holder.method(name):
            return Bound(found[0], found[1], holder)
        for owner, home in holder.classes:
            for node in owner.body:
                if isinstance(node, ast.Assign) and any(
                    isinstance(t, ast.Name) and t.id == name for t in node.targets
                ):
                    return self._machine.value(node.value, home)
        return Unknown(name)

    def _call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        arguments: list[Any] = []
        for argument in node.args:
            starred = isinstance(argument, ast.Starred)
            found = self.value(argument.value if isinstance(argument, ast.Starred) else argument)
            arguments += operations.items(found) if starred else [found]
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            found = self.value(keyword.value)
            named |= {keyword.arg: found} if keyword.arg else found if isinstance(
                found, dict
            ) else {}
        if isinstance(function, Bound):
            spread = any(keyword.arg is None for keyword in node.keywords)
            return self._machine.call(function, arguments, named, spread=spread)
        if isinstance(function, operations.Method):
            return operations.method(function, arguments, named)
        if isinstance(function, Callable):  # type: ignore[arg-type]
            return operations.builtin(function, arguments)
        return Unknown(ast.unparse(node)[:60])


def _loaded(target: ast.expr) -> ast.expr:
    """The target of `+=` as an expression that can be evaluated."""
    match target:
        case ast.Name(id=name):
            return ast.Name(id=name, ctx=ast.Load())
        case ast.Attribute(value=inner, attr=name):
            return ast.Attribute(value=inner, attr=name, ctx=ast.Load())
        case ast.Subscript(value=inner, slice=key):
            return ast.Subscript(value=inner, slice=key, ctx=ast.Load())
    return target
