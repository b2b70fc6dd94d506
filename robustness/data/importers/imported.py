"""The result of an import: instructions, and entries that were left out, each with its reason.

An importer offers each entry as a `Draft`; `Gathering.take` decides whether it can be used.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robustness.data import instructions
from robustness.data.importers import kinds
from robustness.data.importers.kinds import Answers, Decision, Rule
from robustness.errors import InputError
from robustness.types import Instruction, TaskType


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry of the source that was not imported."""

    where: str
    """File and place in it."""
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to an entry that was imported."""

    where: str
    what: str
    """What was changed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of importing one source."""

    source: str
    """Name of the format."""
    instructions: tuple[Instruction, ...]
    left: tuple[LeftOut, ...]
    """Entries that were not imported."""
    changes: tuple[Change, ...]
    """Changes to entries that were."""
    decided: Mapping[str, int] = field(default_factory=dict)
    """Rule of `kinds.Rule` -> number of entries whose task type it decided."""

    @property
    def entries(self) -> int:
        """Number of entries found, imported or left out."""
        return len(self.instructions) + len(self.left)

    @property
    def by_type(self) -> dict[str, int]:
        """Task type -> number of instructions imported with it."""
        counts = Counter(str(i.task_type) for i in self.instructions)
        return {str(t): counts[str(t)] for t in TaskType if counts[str(t)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry as an importer read it, before it is validated."""

    text: str
    """The template, with or without {placeholders} as `prompts.placeholders` finds them."""
    answers: Answers
    """What is known of its answers, from which the task type is inferred."""
    collection: str
    task: str | None = None
    observed: bool = True
    option_format: str = ""
    label_words: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    untyped: str = kinds.FREE_TEXT
    """Reason to report where no task type can be inferred."""


class Gathering:
    """Collects the entries of one source; every entry is either imported or listed as left out."""

    def __init__(self, source: str, task_type: TaskType | None = None) -> None:
        """Starts with no entries.

        Args:
            source: Name of the format.
            task_type: Task type of all entries; None: inferred for each by `kinds.decide`.
        """
        self._source = source
        self._task_type = task_type
        self._taken: dict[str, tuple[Instruction, str]] = {}
        self._left: list[LeftOut] = []
        self._changes: list[Change] = []
        self._decided: Counter[str] = Counter()

    @property
    def forced(self) -> bool:
        """Whether the task type of all entries was given."""
        return self._task_type is not None

    def leave(self, where: str, reason: str) -> None:
        """Lists an entry as left out; lines of a traceback behind the reason are dropped."""
        self._left.append(LeftOut(where=where, reason=reason.partition("\n")[0]))

    def note(self, change: Change) -> None:
        """Records a change that concerns a whole file."""
        self._changes.append(change)

    def take(self, where: str, draft: Draft, changes: tuple[str, ...] = ()) -> None:
        """Imports an entry, or lists it as left out where it cannot be used.

        Args:
            where: File and place in it.
            draft: The entry.
            changes: Descriptions of how its text differs from the source.
        """
        decision = kinds.decide(draft.answers)
        if self._task_type is not None:
            decision = Decision(self._task_type, Rule.GIVEN)
        self._decided[str(decision.rule)] += 1
        found = decision.task_type
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
        """Adds the entries of another gathering; repeated instructions are left out."""
        self._left += other._left
        self._decided += other._decided
        repeated = set()
        for key, (made, where) in other._taken.items():
            if key in self._taken:
                repeated.add(where)
                self.leave(where, f"it says the same as {self._taken[key][1]}")
            else:
                self._taken[key] = (made, where)
        self._changes += [c for c in other._changes if c.where not in repeated]

    def done(self) -> Imported:
        """The result."""
        return Imported(
            source=self._source,
            instructions=tuple(made for made, _ in self._taken.values()),
            left=tuple(self._left),
            changes=tuple(self._changes),
            decided={str(rule): n for rule in Rule if (n := self._decided[str(rule)])},
        )


def place(path: Path, *parts: object) -> str:
    """File and place in it, as messages write them."""
    return ", ".join([str(path), *(str(part) for part in parts)])
