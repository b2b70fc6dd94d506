"""KEY=VALUE from a command line, as fields of a configuration.

Refuses to know which configurations there are.
"""

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robustness.errors import InputError


def values(kind: type, settings: Sequence[str], *, fixed: Collection[str] = ()) -> dict[str, Any]:
    """What some settings say, in the types of the fields.

    Args:
        kind: A dataclass.
        settings: `key=value` each.
        fixed: Fields that are set in another way.

    Raises:
        InputError: There is no such key, or the value is not of its type.
    """
    types = {f.name: f.type for f in fields(kind) if f.name not in fixed}
    made: dict[str, Any] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in types:
            raise InputError(f"no key {key!r} in a recipe; there are {', '.join(types)}")
        wanted: Any = types[key]
        try:
            made[key] = TypeAdapter(wanted).validate_python(value)
        except ValidationError:
            name = getattr(wanted, "__name__", str(wanted))
            raise InputError(f"{key} takes values of type {name}, found {value!r}") from None
    return made
