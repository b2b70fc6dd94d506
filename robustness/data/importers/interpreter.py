"""Evaluates a small part of Python on syntax trees, to find which text a method builds.

No code is executed, and the number of steps and of nested calls is bounded.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from robustness.data.importers.program import Bound, Instance, Module
from robustness.data.importers.scope import ReturnError, Scope
from robustness.data.importers.wording import UnreadableError, mark

MAX_STEPS = 20_000
MAX_DEPTH = 40


class Machine:
    """Evaluates the functions of parsed modules, with a limit on steps and depth."""

    def __init__(self) -> None:
        self._steps = 0
        self._depth = 0
        self.refitted = False
        """Whether a call passed `**item` whose keys differ from the method's parameters."""

    def call(
        self,
        function: Bound,
        arguments: Sequence[Any],
        named: Mapping[str, Any] | None = None,
        *,
        spread: bool = False,
    ) -> Any:
        """Evaluates a call and gives its return value.

        Args:
            function: The function.
            arguments: Positional arguments.
            named: Keyword arguments.
            spread: Whether the keyword arguments come from `**item`. Then parameters that the item
                lacks are taken as fields of the input.

        Raises:
            UnreadableError: The code does something that is not supported, or runs too long.
        """
        node = function.node
        names = self._arguments(function, list(arguments), dict(named or {}), spread)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableError("its methods call each other without end")
        try:
            scope = Scope(self, function.home, {**function.closure, **names}, function.instance)
            if isinstance(node, ast.Lambda):
                return scope.value(node.body)
            scope.run(node.body)
        except ReturnError as returned:
            return returned.value
        finally:
            self._depth -= 1
        return None

    def step(self, node: ast.AST) -> None:
        """Counts one step and raises UnreadableError beyond the limit."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise UnreadableError(f"its code runs too long (line {getattr(node, 'lineno', '?')})")

    def value(self, node: ast.expr, home: Module, instance: Instance | None = None) -> Any:
        """Evaluates an expression outside functions."""
        names = {} if instance is None else {"self": instance}
        return Scope(self, home, names, instance).value(node)

    def _arguments(
        self, function: Bound, given: list[Any], named: dict[str, Any], spread: bool
    ) -> dict[str, Any]:
        spec = function.node.args
        wanted = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        if function.instance is not None and isinstance(function.node, ast.FunctionDef):
            given = [function.instance, *given]
        if len(given) > len(wanted) and spec.vararg is None:
            raise UnreadableError(f"a call gives {len(given)} arguments to {len(wanted)}")
        names = dict(zip(wanted, given, strict=False))
        scope = Scope(self, function.home, {}, None)
        defaults = wanted[len(wanted) - len(spec.defaults) :]
        for name, default in zip(defaults, spec.defaults, strict=True):
            names.setdefault(name, named[name] if name in named else scope.value(default))
        extra = {k: v for k, v in named.items() if k not in wanted}
        names |= {k: v for k, v in named.items() if k in wanted}
        missing = [name for name in wanted if name not in names]
        if spread and missing:
            self.refitted = True
            return names | {name: mark(name) for name in missing}
        if extra and spec.kwarg is None:
            raise UnreadableError(f"a call names the unknown argument {next(iter(extra))!r}")
        if missing:
            raise UnreadableError(f"a call lacks the argument {missing[0]!r}")
        return names
