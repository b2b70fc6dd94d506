"""Parses KEY=VALUE arguments of a command line into fields of a configuration dataclass."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robustness.errors import InputError


def values(kind: type, settings: Sequence[str], *, fixed: Collection[str] = ()) -> dict[str, Any]:
    """The values of some settings, converted to the types of the dataclass's fields.

    Args:
        kind: The configuration dataclass.
        settings: Texts of the form `key=value`.
        fixed: Fields that may not be set in this way.

    Returns:
        Field name -> value, for the fields that are named.

    Raises:
        InputError: The dataclass has no such field, it may not be set here, or the value does not
            have the field's type.
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
