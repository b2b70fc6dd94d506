"""What a vLLM that ended had to say: the end of its log.

Refuses to know processes.
"""

import re
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_LONGEST = 300
_PREFIX = re.compile(
    r"^(\([^)]* pid=\d+\) )?((ERROR|WARNING|INFO|CRITICAL) \S+ \S+ (\[[^\]]*\] )?)?"
)
"""Process, level, time and source, which stand before a line of vLLM's."""
_ERROR = re.compile(r"^[\w.]*(Error|Exception|Interrupt|Exit)\b(: .*)?$")
_FOLLOWS = "See root cause above"
"""In the error of the process that only noticed that another one had failed."""


def _lines(path: Path, begun: int) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(begun, size - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, as it stands there."""
    return "\n".join(_lines(path, 0)[-count:])


def reason(path: Path, begun: int = 0) -> str:
    """The error that ended it, else its last words; empty where it said nothing.

    Args:
        path: Its log.
        begun: Bytes of the log that are an earlier one's.
    """
    said = [_PREFIX.sub("", line).strip() for line in _lines(path, begun)]
    errors = [line for line in said if _ERROR.match(line) and _FOLLOWS not in line]
    last = errors or [line for line in said if line]
    return last[-1][:_LONGEST] if last else ""
