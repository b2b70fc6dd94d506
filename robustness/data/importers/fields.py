"""Stand-ins for input fields without a value, on which a Jinja template is rendered.

A field renders as its mark (see `wording`). Where the template tests the field's value, a script
decides the outcome, so that every branch of the template can be rendered in turn.
"""

from collections.abc import Callable, Iterator
from typing import Any

from robustness.data.importers.wording import UnreadableError, mark

ITEMS = 4
"""Number of items of a field over which a template loops as if it were a list, where the number of
answer choices does not tell it."""
_TEXT_METHODS = frozenset(
    {"lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip", "replace", "get"}
)


class Script:
    """Outcomes of the tests that a template makes on its fields, in order."""

    def __init__(self, answers: tuple[bool, ...] = (), items: int = ITEMS) -> None:
        self._given = answers
        self.asked: list[bool] = []
        self.items = items
        """Number of items of every field."""

    def decide(self) -> bool:
        """The next outcome; True once the script is used up."""
        place = len(self.asked)
        self.asked.append(self._given[place] if place < len(self._given) else True)
        return self.asked[-1]


class Field:
    """A field without a value, or a part of one such as `answers.text`."""

    marked = True

    def __init__(
        self, name: str, script: Script, parent: "Field | None" = None, cut: slice | None = None
    ) -> None:
        self._name, self._script, self._parent = name, script, parent
        self._cut = cut or slice(None)

    def __str__(self) -> str:
        return mark(self._name)

    def __html__(self) -> str:
        return str(self)

    def _items(self) -> range:
        """Places of the items that a slice left; all where it left none, as it may be a text's."""
        return range(self._script.items)[self._cut] or range(self._script.items)

    def _part(self, key: object) -> "Field":
        if isinstance(key, slice):
            whole = all(k is None or type(k) is int for k in (key.start, key.stop, key.step))
            return Field(self._name, self._script, self._parent, key) if whole else self
        if type(key) is int and -len(self._items()) <= key < len(self._items()):
            key = self._items()[key]
        tail = key._name if isinstance(key, Field) else str(key)
        if tail.startswith("_"):
            raise UnreadableError(f"it asks a field for {tail}, which no input has")
        return Field(f"{self._name}.{tail}", self._script, self)

    def __getattr__(self, key: str) -> "Field":
        # Jinja itself looks these names up; they are never parts of an input.
        if key.startswith(("_", "jinja")) or key in ("unsafe_callable", "alters_data"):
            raise AttributeError(key)
        return self._part(key)

    def __getitem__(self, key: object) -> "Field":
        return self._part(key)

    def __call__(self, *arguments: object, **named: object) -> Any:
        """Calls a method of the field: text methods return the field, others its parts."""
        method = self._name.rpartition(".")[2]
        if self._parent is None:
            raise UnreadableError(f"it calls {self._name}(), which templates do not have")
        if method == "get" and arguments:
            return self._parent._part(arguments[0])
        if method in ("items", "keys", "values"):
            return [self._parent._part(i) for i in self._parent._items()]
        return self._parent if method in _TEXT_METHODS or method == "split" else self

    def __iter__(self) -> Iterator["Field"]:
        return iter([self._part(i) for i in range(len(self._items()))])

    def __len__(self) -> int:
        return len(self._items())

    def __index__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return self._script.decide()

    def __eq__(self, other: object) -> bool:
        return self._script.decide()

    def __ne__(self, other: object) -> bool:
        return self._script.decide()

    def __lt__(self, other: object) -> bool:
        return self._script.decide()

    __le__ = __gt__ = __ge__ = __lt__
    __hash__ = object.__hash__

    def __contains__(self, other: object) -> bool:
        return self._script.decide()

    def __add__(self, other: object) -> "str | Field":
        return str(self) + str(other) if isinstance(other, (str, Field)) else self

    def __radd__(self, other: object) -> "str | Field":
        return str(other) + str(self) if isinstance(other, str) else self

    def _same(self, other: object = None) -> "Field":
        return self

    __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __truediv__ = __floordiv__ = _same


class Count(int):
    """The length of a field. It is not known, so that the script decides what it is compared to."""

    _script: Script

    def __new__(cls, value: int, script: Script) -> "Count":
        """Makes a whole number with a script."""
        made = super().__new__(cls, value)
        made._script = script
        return made

    def __eq__(self, other: object) -> bool:
        return self._script.decide()

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = int.__hash__


def length(value: Any) -> int:
    """A Jinja filter that gives the length of a value."""
    return Count(len(value), value._script) if isinstance(value, Field) else len(value)


def formatted(value: Any, *arguments: Any, **named: Any) -> Any:
    """A Jinja filter that keeps the field that it formats.

    Raises:
        UnreadableError: It formats other values, whose length has no bound.
    """
    found = [a for a in (*arguments, *named.values()) if isinstance(a, Field)]
    if not found:
        raise UnreadableError("it uses the filter format on no field, which is not read")
    return found[0]


def kept(make: Callable[..., Any]) -> Callable[..., Any]:
    """A Jinja filter that returns fields unchanged, since their values are not known."""

    def filtered(value: Any, *arguments: Any, **named: Any) -> Any:
        return value if isinstance(value, Field) else make(value, *arguments, **named)

    return filtered


def first(value: Any, *_: object) -> Any:
    """A Jinja filter that replaces random choice: returns the first item."""
    if isinstance(value, Field):
        return value
    items = list(value)
    return items[0] if items else ""
