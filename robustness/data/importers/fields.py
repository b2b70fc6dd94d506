"""The fields of an input that nobody has yet, for a Jinja template to run on.

Refuses to know formats. A field prints its mark; where a template asks about its value, the
answer comes from a script, so that every branch of the template can be walked.
"""

from collections.abc import Callable, Iterator
from typing import Any

from robustness.data.importers.wording import UnreadableError, mark

ITEMS = 4
"""Items of a field that a template runs through like a list."""
_TEXT_METHODS = frozenset(
    {"lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip", "replace", "get"}
)


class Script:
    """Answers to the questions that a template asks about its fields' values."""

    def __init__(self, answers: tuple[bool, ...] = ()) -> None:
        self._given = answers
        self.asked: list[bool] = []

    def decide(self) -> bool:
        """The next answer; True where the script has ended."""
        place = len(self.asked)
        self.asked.append(self._given[place] if place < len(self._given) else True)
        return self.asked[-1]


class Field:
    """A field, or a part of one."""

    marked = True

    def __init__(self, name: str, script: Script, parent: "Field | None" = None) -> None:
        self._name, self._script, self._parent = name, script, parent

    def __str__(self) -> str:
        return mark(self._name)

    def __html__(self) -> str:
        return str(self)

    def _part(self, key: object) -> "Field":
        if isinstance(key, slice):
            return self
        tail = key._name if isinstance(key, Field) else str(key)
        if tail.startswith("_"):
            raise UnreadableError(f"it asks a field for {tail}, which no input has")
        return Field(f"{self._name}.{tail}", self._script, self)

    def __getattr__(self, key: str) -> "Field":
        # Jinja asks its objects for such names; they are never fields of an input.
        if key.startswith(("_", "jinja")) or key in ("unsafe_callable", "alters_data"):
            raise AttributeError(key)
        return self._part(key)

    def __getitem__(self, key: object) -> "Field":
        return self._part(key)

    def __call__(self, *arguments: object, **named: object) -> Any:
        """A method of the field's value: what it would do to the text is not known."""
        method = self._name.rpartition(".")[2]
        if self._parent is None:
            raise UnreadableError(f"it calls {self._name}(), which templates do not have")
        if method == "get" and arguments:
            return self._parent._part(arguments[0])
        if method in ("items", "keys", "values"):
            return [self._parent._part(i) for i in range(ITEMS)]
        return self._parent if method in _TEXT_METHODS or method == "split" else self

    def __iter__(self) -> Iterator["Field"]:
        return iter([self._part(i) for i in range(ITEMS)])

    def __len__(self) -> int:
        return ITEMS

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


def kept(make: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that leaves fields as they are: what they hold is not known yet."""

    def filtered(value: Any, *arguments: Any, **named: Any) -> Any:
        return value if isinstance(value, Field) else make(value, *arguments, **named)

    return filtered


def first(value: Any, *_: object) -> Any:
    """Stands in for a random choice: the first item."""
    if isinstance(value, Field):
        return value
    items = list(value)
    return items[0] if items else ""
