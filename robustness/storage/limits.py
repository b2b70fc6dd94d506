"""How large a table may be, and the check of one while it is read.

Does not read tables; see `tables.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from robustness.errors import CancelledError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest table that is accepted; None: no limit."""

    columns: int | None = None
    rows: int | None = None
    cells: int | None = None
    """Rows times columns; in JSON also lists and objects in the whole file."""
    options: int | None = None
    """Answer options of one input."""
    prompts: int | None = None
    """Prompts that the models read for a table."""
    unpacked: int | None = None
    """Bytes of a compressed file once it is unpacked."""
    advice: str = ""
    """How a limit is raised; `{name}` stands for the limit's name, `{NAME}` for it in capitals."""

    def check(self, limit: str, found: int, what: str) -> None:
        """Checks a count against a limit.

        Args:
            limit: Name of a field.
            found: The count, so far.
            what: What is counted in, for the message.

        Raises:
            InputError: It is larger.
        """
        most = getattr(self, limit)
        if most is not None and found > most:
            advice = self.advice.format(name=limit, NAME=limit.upper())
            unit = "bytes unpacked" if limit == "unpacked" else limit
            raise InputError(
                f"{what}: more than {most} {unit}, which is the limit; send less at once"
                + (f", or {advice}" if advice else "")
            )


UNLIMITED = Limits()
"""For files of the user's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """Checks a table while it is read, before its rows are built."""

    name: str
    """Name of the file, for messages."""
    limits: Limits = UNLIMITED
    should_stop: Callable[[], bool] = lambda: False

    def read(self, rows: int, columns: int) -> None:
        """Checks the numbers of rows and columns that have been read so far.

        Raises:
            InputError: They are above a limit.
            CancelledError: `should_stop` returned True.
        """
        self.go_on()
        for limit, found in (("columns", columns), ("rows", rows), ("cells", rows * columns)):
            self.limits.check(limit, found, self.name)

    def go_on(self) -> None:
        """Raises CancelledError if `should_stop` returns True."""
        if self.should_stop():
            raise CancelledError(f"the reading of {self.name} was stopped")
