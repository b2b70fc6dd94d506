"""Prints one table of all benchmarks' results: claim, ratio, peer, spread.

`python benchmarks/table.py` reads the files that the other scripts saved in `runs/bench/`. It fails
if a claim of README.md does not hold; for the bounds see `claims.py`. Does not measure.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from claims import BOUNDS  # noqa: E402

from robustness.errors import RobustnessError  # noqa: E402
from robustness.storage import files  # noqa: E402

FOLDER = ROOT / "runs/bench"
SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table: a claim with its measured ratio."""

    claim: str
    peer: str
    ratio: float
    """The median of runs, or what all tasks or seeds gave together."""
    low: float
    high: float
    count: int
    """Of what `low` and `high` are the least and the most of."""
    of: str = "runs"
    """What was counted: `runs`, `tasks`, `seeds`."""
    bound: str = ""
    """Which of `claims.BOUNDS` it is held against; empty: none."""

    @property
    def target(self) -> str:
        """What it is claimed to be."""
        return str(BOUNDS[self.bound]) if self.bound else ""

    @property
    def broken(self) -> bool:
        """Whether it is not as claimed."""
        return bool(self.bound) and not BOUNDS[self.bound].holds(self.ratio)


def save(name: str, lines: Sequence[Line]) -> None:
    """Saves the results of a script; replaces its earlier ones."""
    document = {"schema": SCHEMA, "lines": files.plain(list(lines))}
    files.write_json(FOLDER / f"{name}.json", document)


def read(path: Path) -> list[Line]:
    """The saved results of a script.

    Raises:
        CorruptFileError, MismatchError: See `files.read_json`.
    """
    found: list[dict[str, Any]] = files.read_json(path, schema=SCHEMA)["lines"]
    return [Line(**line) for line in found]


def shown(lines: Sequence[Line]) -> str:
    """The table as text."""
    rows = [("claim", "ratio", "peer", "spread", "over", "target")] + [
        (
            line.claim, f"{line.ratio:.2f}", line.peer, f"{line.low:.2f} to {line.high:.2f}",
            f"{line.count} {line.of}", line.target,
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def hold(lines: Sequence[Line]) -> None:
    """Ends the process with status 1, and the claims that do not hold, where there are any."""
    broken = [line for line in lines if line.broken]
    if broken:
        sys.exit(
            "\n".join(
                f"error: claim broken: {line.claim} ({line.peer}): {line.ratio:.2f}, "
                f"claimed {line.target}" for line in broken
            )
        )


def main() -> None:
    """Prints the table, and what of the page was not measured or does not hold."""
    argparse.ArgumentParser(description="One table of everything under runs/bench/").parse_args()
    try:
        lines = [line for path in sorted(FOLDER.glob("*.json")) for line in read(path)]
    except RobustnessError as error:
        sys.exit(f"error: {error}")
    if not lines:
        sys.exit(f"error: {FOLDER} holds no results; run: make bench")
    print(shown(lines))
    for name in sorted(set(BOUNDS) - {line.bound for line in lines}):
        print(f"not measured: {BOUNDS[name].claim} ({BOUNDS[name]})", file=sys.stderr)
    hold(lines)


if __name__ == "__main__":
    main()
