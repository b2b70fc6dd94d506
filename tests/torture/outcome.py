"""What one part of the torture did and found."""

from collections import Counter
from dataclasses import dataclass, field

CRASHES = "crashes"
LOST = "good rows lost or changed"
UNANSWERED = "requests unanswered"
WATCHED = (CRASHES, LOST, UNANSWERED)
"""The counts that must be 0, each where it applies."""

_MOST = 20
_FAULTS = "faults"


@dataclass
class Outcome:
    """The counts of one part, and what went wrong."""

    name: str
    done: str
    """What was tried, with its number."""
    watched: tuple[str, ...]
    """Those of `WATCHED` that apply."""
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, str] = field(default_factory=dict)
    """Measured values by name."""
    told: list[str] = field(default_factory=list)
    """Descriptions of the first faults."""
    skipped: str = ""
    """Why it could not be run here."""

    @property
    def faults(self) -> int:
        """Number of all that went wrong."""
        return self.counts[_FAULTS]

    def fault(self, what: str, kind: str = "") -> None:
        """Counts a fault, of a kind of `WATCHED` if it is one, and keeps the first descriptions."""
        self.counts[_FAULTS] += 1
        if kind:
            self.counts[kind] += 1
        if len(self.told) < _MOST:
            self.told.append(what[:2000])

    def cells(self) -> list[str]:
        """The columns of the table of results."""
        watched = [str(self.counts[w]) if w in self.watched else "–" for w in WATCHED]
        return [self.name, self.done, *watched, str(self.faults), self.details()]

    def details(self) -> str:
        """The further counts and measured values in one line."""
        parts = [
            f"{n} {what}" for what, n in self.counts.items() if what not in (*WATCHED, _FAULTS)
        ]
        parts += [f"{name}: {value}" for name, value in self.figures.items()]
        return self.skipped or ", ".join(parts)
