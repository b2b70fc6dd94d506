"""What is wrong with a document that was read, in one line.

Pydantic lists every fault of every field; a person mends one at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError


def place(fault: Mapping[str, Any], *, below: Sequence[str] = ()) -> str:
    """The path of the key at fault, as `rows.3.name`.

    Args:
        fault: One of `ValidationError.errors()`.
        below: Parts that are left out, such as the `body` that a web framework puts first.
    """
    return ".".join(str(part) for part in fault["loc"] if part not in below)


def first_fault(error: ValidationError, *, found: bool = False) -> str:
    """The first key at fault and what is wrong with it.

    Args:
        error: Of a model that refused a document.
        found: Whether to say what the document has there.
    """
    fault = error.errors()[0]
    value = f" (found {fault['input']!r})" if found else ""
    # Pydantic also names the class of ours that a value may be, which a file has no part in.
    wrong = fault["msg"].partition(" or instance of ")[0]
    return f"{place(fault)}: {wrong}{value}"
