"""Decodes CSV and splits it into rows, and proves that no row was lost in another.

Does not check cells; see `tables.py`.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from robustness.errors import InputError

SEPARATORS = (",", ";", "\t")


def decoded(data: bytes) -> str:
    """The text of UTF-8 or UTF-16 bytes; other bytes become lone surrogates."""
    # UTF-16 has a zero in each ASCII character, such as a line's end; without one, the two bytes
    # are rubbish in the first line.
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in data:
        try:
            return data.decode("utf-16", errors="surrogatepass")
        except UnicodeDecodeError:
            return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="surrogateescape")


def separator_of(header: str) -> str:
    """The separator of a CSV file with this first line."""
    return next((s for s in SEPARATORS if s in header), ",")


class _Lines:
    """The lines of a text one by one, with those since the last `clear`; holds no others."""

    def __init__(self, text: str) -> None:
        self._source = iter(io.StringIO(text, newline=""))
        self.ahead = next(self._source, None)
        """The next line; None at the end."""
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.ahead is None:
            raise StopIteration
        line, self.ahead = self.ahead, next(self._source, None)
        self.taken.append(line)
        return line


def csv_lines(text: str, name: str, separator: str = "") -> Iterator[tuple[int, list[str]]]:
    """Yields (number of the first line, cells) of the rows of a CSV file, without empty lines.

    Args:
        text: The whole file.
        name: For messages.
        separator: By default the one of the first line: see `separator_of`.

    Raises:
        InputError: A quotation mark is not closed, or closed inside a cell of several lines: rows
            after it may be part of that cell. The message names the line.
    """
    lines = _Lines(text)
    first = 1
    if named := re.fullmatch(r'"?sep=(.)"?\s*', lines.ahead or ""):
        separator, first = named[1], 2  # a spreadsheet's own word on what parts its cells
        next(lines)
        lines.taken.clear()
    separator = separator or separator_of(lines.ahead or "")
    # The csv module's limit would be an error of the file; cells have a limit of their own.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    for cells in csv.reader(lines, delimiter=separator):
        if len(lines.taken) > 1 or lines.ahead is None:
            _prove(lines.taken, separator, f"{name}, line {first}")
        if cells:
            yield first, cells
        first += len(lines.taken)
        lines.taken.clear()


def _prove(lines: Sequence[str], separator: str, where: str) -> None:
    """Checks that a row of several lines, or the last one, contains no other row."""
    try:
        list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        if len(lines) == 1 and "unexpected end" not in str(error):
            return
        raise InputError(
            f"{where}: a quotation mark opens a cell and is not closed as it should be ({error}), "
            "so that rows below it would be lost; close it, or write it twice where it is text"
        ) from error
