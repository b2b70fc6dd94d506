"""Renders untrusted Jinja templates in a sandbox with bounded time and size.

Every loop counts its steps and checks the time, every operation that can lengthen a text or list
checks the length first, and only listed filters, methods and tests are allowed; others are refused
by name.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import Template, TemplateError, nodes, runtime
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from robustness.data.importers.wording import UnreadableError

MAX_SOURCE = 50_000
"""Largest number of characters of a template."""
MAX_TEXT = 50_000
"""Largest number of characters of any text that is made, and of items of any list."""
MAX_STEPS = 5_000
"""Largest number of steps of all loops together."""
MAX_SECONDS = 5.0

_FILTERS = frozenset(
    {"abs", "capitalize", "default", "d", "first", "float", "int", "join", "last", "length",
     "count", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse",
     "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "trim", "unique",
     "upper", "wordcount", "items", "tojson", "e", "escape", "striptags"}
)
_METHODS = frozenset(
    {"append", "capitalize", "count", "endswith", "find", "get", "index", "items", "join", "keys",
     "lower", "lstrip", "pop", "replace", "rstrip", "split", "startswith", "strip", "title",
     "update", "upper", "values"}
)
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Macro: "macros", nodes.CallBlock: "call blocks", nodes.Include: "include",
    nodes.Import: "import", nodes.FromImport: "import", nodes.Extends: "extends",
    nodes.Block: "blocks",
}


class _Bounds:
    """The steps and time that one rendering has left."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.until = time.monotonic() + MAX_SECONDS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0 or time.monotonic() > self.until:
            raise UnreadableError("its loops run too long")


class _Bounded(NodeTransformer):
    """Rewrites a template: loops count steps, and `~` becomes `+`, whose result is bounded."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        if node.recursive:
            raise UnreadableError("it uses a recursive loop, which is not read")
        counted = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        node.iter = counted.set_environment(node.environment)  # type: ignore[arg-type]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        parts: list[nodes.Expr] = [
            nodes.Filter(part, "string", [], [], None, None, lineno=node.lineno)
            for part in node.nodes
        ]
        made = parts[0]
        for part in parts[1:]:
            made = nodes.Add(made, part, lineno=node.lineno)
        return made.set_environment(node.environment)  # type: ignore[return-value, arg-type]

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        return self._measured(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        return self._measured(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        return self._measured(node) if node.ctx == "load" else node

    def _measured(self, node: nodes.Expr) -> nodes.Expr:
        self.generic_visit(node)
        made = nodes.Filter(node, "measured", [], [], None, None, lineno=node.lineno)
        return made.set_environment(node.environment)  # type: ignore[return-value, arg-type]


def _measured(value: Any) -> Any:
    """The value; raises UnreadableError if it is too long when printed (lists may share items)."""
    total, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        total += len(item) if isinstance(item, (str, list, tuple, dict)) else 1
        _checked(total)
        if isinstance(item, (list, tuple)):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
    return value


def _checked(size: float) -> None:
    if size > MAX_TEXT:
        raise UnreadableError("it makes text or lists that are too long")


def _join(items: Iterable[Any], separator: object = "", attribute: str | None = None) -> str:
    parts = [item[attribute] if attribute else item for item in items]
    _checked(sum(len(str(_measured(p))) for p in parts) + len(str(separator)) * len(parts))
    return str(separator).join(str(p) for p in parts)


def _replace(text: object, old: object, new: object, count: int | None = None) -> str:
    text, old, new = str(_measured(text)), str(old), str(new)
    _checked(len(text) + (text.count(old) if old else len(text) + 1) * len(new))
    return text.replace(old, new, -1 if count is None else count)


class Sandbox(SandboxedEnvironment):
    """A Jinja environment with bounds on time and size."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(
        self, filters: Mapping[str, Callable[..., Any]], undefined: type[runtime.Undefined]
    ) -> None:
        super().__init__(undefined=undefined, autoescape=False, finalize=_measured)
        self._bounds = _Bounds()
        self._templates: dict[str, Template] = {}
        known = {name: f for name, f in self.filters.items() if name in _FILTERS}
        self.filters = {
            **known, "replace": _replace, "join": _join, **filters,
            "counted": self._counted, "measured": _measured,
        }
        kept = {name: self.globals[name] for name in ("dict", "namespace")}
        self.globals = {**kept, "range": self._range, "zip": self._zip}

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._bounds.step()
            yield item

    def _range(self, *arguments: int) -> list[int]:
        made = range(*arguments)
        _checked(len(made))
        return list(made)

    def _zip(self, *lists: Iterable[Any]) -> list[Any]:
        return list(self._counted(zip(*lists, strict=False)))

    def call_binop(
        self, context: runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        """Evaluates an operator after checking how long its result would be."""
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise UnreadableError(f"it uses the operator {operator}, which is not read")
        if operator == "+":
            _measured([left, right])
        if operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, (str, list, tuple)) and isinstance(times, int):
                    _checked(len(many) * times)
            if isinstance(left, int) and isinstance(right, int):
                _checked(left.bit_length() + right.bit_length())
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may use an attribute: listed methods and plain data only."""
        marked = hasattr(obj, "marked") or hasattr(value, "marked")
        if callable(value) and attr not in _METHODS and not marked:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call(
        self, context: runtime.Context, obj: Any, *arguments: Any, **named: Any
    ) -> Any:
        """Calls a function; `replace` and `join` check the length of their result first."""
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return _replace(owner, *arguments)
        if isinstance(owner, str) and name == "join" and arguments:
            return _join(arguments[0], owner)
        self._bounds.step()
        made = _measured(super().call(context, obj, *arguments, **named))
        _measured(owner)
        return made

    def rendered(self, source: str, values: Mapping[str, Any]) -> str:
        """Renders one template.

        Args:
            source: The template.
            values: Name -> value.

        Raises:
            UnreadableError: It cannot be parsed or rendered, or it exceeds a bound.
        """
        self._bounds = _Bounds()
        try:
            made: list[str] = []
            for piece in self._template(source).generate(**values):
                made.append(piece)
                self._bounds.step()
                _checked(sum(map(len, made)) if len(made) % 50 == 0 else len(piece))
            text = "".join(made)
            _checked(len(text))
            return text
        except TemplateError as error:
            raise UnreadableError(f"its Jinja cannot be read: {error.message}") from error
        except (
            TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
            MemoryError, SyntaxError,
        ) as error:
            raise UnreadableError(f"its Jinja fails: {error}") from error

    def _template(self, source: str) -> Template:
        """The compiled template, cached because it is rendered once for each branch."""
        if source not in self._templates:
            if len(source) > MAX_SOURCE:
                raise UnreadableError(f"its template is longer than {MAX_SOURCE} characters")
            tree = self.parse(source)
            for kind, name in _REFUSED.items():
                if tree.find(kind) is not None:
                    raise UnreadableError(f"it uses {name}, which are not read")
            self._templates[source] = self.from_string(_Bounded().visit(tree))
        return self._templates[source]
