"""Reads from vLLM's log why it ended."""

import re
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_LONGEST = 300
_PREFIX = re.compile(
    r"^(\([^)]* pid=\d+\) )?((ERROR|WARNING|INFO|CRITICAL) \S+ \S+ (\[[^\]]*\] )?)?"
)
"""The process, level, time and source in front of a line of vLLM's log."""
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Interrupt|Exit)\b(: .*)?$")
_FOLLOWS = "See root cause above"
"""Occurs in the error of a process that only reports the failure of another one."""


def _lines(path: Path, begun: int) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(begun, size - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()


def last_lines(path: Path, count: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(_lines(path, 0)[-count:])


def reason(path: Path, begun: int = 0) -> str:
    """The error that ended vLLM, else the last line of its log; empty if the log is.

    Args:
        path: The log.
        begun: Number of bytes of the log that an earlier process wrote.
    """
    said = [_PREFIX.sub("", line).strip() for line in _lines(path, begun)]
    errors = [line for line in said if _ERROR.match(line) and _FOLLOWS not in line]
    last = errors or [line for line in said if line]
    return last[-1][:_LONGEST] if last else ""
