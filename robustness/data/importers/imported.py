"""What an importer gives: the instructions taken, and the entries left out, each with its reason.

Refuses to know any format: an importer says what it found, this decides whether it can be used.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robustness.data import instructions
from robustness.data.importers import kinds
from robustness.data.importers.kinds import Answers
from robustness.errors import InputError
from robustness.types import Instruction, TaskType


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry that was not taken."""

    where: str
    """File and place in it."""
    reason: str
    """Plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entry that was taken, but not letter for letter."""

    where: str
    what: str
    """What was changed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one source."""

    source: str
    """Name of the format."""
    instructions: tuple[Instruction, ...]
    left: tuple[LeftOut, ...]
    changes: tuple[Change, ...]

    @property
    def entries(self) -> int:
        """Entries found; each was taken or left out."""
        return len(self.instructions) + len(self.left)

    @property
    def by_type(self) -> dict[str, int]:
        """Task type -> how many instructions were taken as it."""
        counts = Counter(str(i.task_type) for i in self.instructions)
        return {str(t): counts[str(t)] for t in TaskType if counts[str(t)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry as an importer read it."""

    text: str
    """The template, with {placeholders} that `prompts.placeholders` knows, or without any."""
    answers: Answers
    """What is known of its answers: the task type is inferred from it."""
    collection: str
    task: str | None = None
    observed: bool = True
    option_format: str = ""
    label_words: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    untyped: str = kinds.FREE_TEXT
    """Why it is left out where no type can be inferred."""


class Gathering:
    """Collects what one importer finds; nothing that is offered gets lost silently."""

    def __init__(self, source: str, task_type: TaskType | None = None) -> None:
        """An empty collection.

        Args:
            source: Name of the format.
            task_type: Overrides the type of every entry; None: inferred (`kinds.RULE`).
        """
        self._source = source
        self._task_type = task_type
        self._taken: dict[str, tuple[Instruction, str]] = {}
        self._left: list[LeftOut] = []
        self._changes: list[Change] = []

    @property
    def forced(self) -> bool:
        """Whether the type of every entry was given."""
        return self._task_type is not None

    def leave(self, where: str, reason: str) -> None:
        """Leaves an entry out."""
        self._left.append(LeftOut(where=where, reason=reason))

    def note(self, change: Change) -> None:
        """Says what was changed about a whole file."""
        self._changes.append(change)

    def take(self, where: str, draft: Draft, changes: tuple[str, ...] = ()) -> None:
        """Takes an entry, or leaves it out where it cannot be used.

        Args:
            where: File and place.
            draft: The entry.
            changes: In which ways the text differs from the source's.
        """
        found = self._task_type or kinds.infer(draft.answers)
        if found is None:
            self.leave(where, draft.untyped)
            return
        row = {
            "text": draft.text.strip(), "collection": draft.collection, "task_type": found,
            "task": draft.task, "observed": draft.observed, "source": draft.source,
            "option_format": draft.option_format, "label_words": dict(draft.label_words),
        }
        if len(draft.text.strip()) < 3:
            self.leave(where, "its text is empty" if not draft.text.strip() else "it has no words")
            return
        try:
            made = instructions.parse_instruction(row, where)
        except InputError as error:
            self.leave(where, str(error).removeprefix(f"{where}: "))
            return
        if made.id in self._taken:
            self.leave(where, f"it says the same as {self._taken[made.id][1]}")
            return
        self._taken[made.id] = (made, where)
        self._changes += [Change(where=where, what=what) for what in changes]

    def absorb(self, other: "Gathering") -> None:
        """Adds what another gathering of the same source holds; repeats are left out."""
        self._left += other._left
        repeated = set()
        for key, (made, where) in other._taken.items():
            if key in self._taken:
                repeated.add(where)
                self.leave(where, f"it says the same as {self._taken[key][1]}")
            else:
                self._taken[key] = (made, where)
        self._changes += [c for c in other._changes if c.where not in repeated]

    def done(self) -> Imported:
        """What was found."""
        return Imported(
            source=self._source,
            instructions=tuple(made for made, _ in self._taken.values()),
            left=tuple(self._left),
            changes=tuple(self._changes),
        )


def place(path: Path, *parts: object) -> str:
    """File and place in it, as messages name them."""
    return ", ".join([str(path), *(str(part) for part in parts)])
