"""Values of a table's cells: their text, what cannot be used, and formulas that are guarded."""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from robustness.storage import cell_lists, files

LONGEST_CELL = 131_072
"""Most characters of a cell; a row with a longer one has an error."""

_DEEPEST = 32
"""Deepest nesting of lists and objects in a cell of JSON."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\udc80-\udcff]")
"""The lone surrogates that stand for bytes that are not UTF-8."""
_BROKEN = "\N{REPLACEMENT CHARACTER}"


class TooLong(str):
    """The digits of an integer that is too long for Python to convert."""


class FaultyCell(ValueError):
    """The error in a cell, with the text that replaces the cell."""

    def __init__(self, reason: str, kept: str) -> None:
        super().__init__(reason)
        self.kept = kept


def without_halves(text: str) -> str:
    """A text in which lone surrogates are replaced."""
    return _SURROGATE.sub(_BROKEN, text)


def _whole_text(text: str) -> str:
    if _SURROGATE.search(text):
        kept = without_halves(text)
        if _NO_BYTE.search(text):
            raise FaultyCell("is not UTF-8; save the file as UTF-8", kept)
        raise FaultyCell("holds half a character (a lone surrogate); write it whole", kept)
    if len(text) > LONGEST_CELL:
        raise FaultyCell(
            f"has {len(text)} characters; a cell can have {LONGEST_CELL}, so shorten it", text
        )
    return text


def _checked(value: Any, depth: int = 0) -> None:
    """Raises `FaultyCell` for unusable values within lists and objects."""
    if depth > _DEEPEST:
        raise FaultyCell(f"has more than {_DEEPEST} lists or objects inside one another", "")
    if isinstance(value, TooLong):
        raise FaultyCell(
            f"holds a whole number of {len(value)} digits; write it as text if it is one",
            str(value),
        )
    if isinstance(value, str):
        _whole_text(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _checked(str(key), depth + 1)
            _checked(inner, depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _checked(inner, depth + 1)


def usable(value: Any) -> Any:
    """The value of a cell; "" if there is none, lists joined by `cell_lists.join`.

    Raises:
        FaultyCell: The cell cannot be used.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    _checked(value)
    if isinstance(value, (list, tuple)):
        return cell_lists.join([text_of(v) for v in value])
    if isinstance(value, Mapping):
        return value
    return "" if value is None or value != value else value


def text_of(value: Any) -> str:
    """The text of a cell as a user would write it, also for numbers and booleans."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Parquet has no whole numbers beside missing ones
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(files.plain(value), ensure_ascii=False, default=str)
    return str(value)


def guarded(value: object) -> object:
    """A cell that no spreadsheet runs as a formula; plain numbers need no change."""
    if not isinstance(value, str) or not value.startswith(_FORMULA) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def absent(value: Any) -> bool:
    """Whether a value stands for an empty cell."""
    return value is None or (isinstance(value, float) and value != value)
