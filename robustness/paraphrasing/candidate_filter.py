"""Whether a paraphrase may be used: its form, what it is too close to, and its meaning.

Refuses to make paraphrases. A candidate that is refused is refused with its reason.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from robustness.data import instructions
from robustness.data.prompts import OPTION_FORMATS, answers_by_letter, placeholders
from robustness.stats.near_duplicates import alike, shingles
from robustness.types import Instruction

_LETTER = re.compile(r"\bletters?\b", re.I)


class Ground(StrEnum):
    """What a candidate is refused for."""

    FORM = "placeholders or label words"
    SOURCE = "near-duplicate of a source"
    OTHER = "near-duplicate of another paraphrase"
    UNOBSERVED = "near-duplicate of an instruction that is kept apart"
    MEANING = "changed meaning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a candidate is left out."""

    ground: Ground
    reason: str
    """Plain words."""


class Entails(Protocol):
    """A judge of meaning: see `entailment.Entailment`."""

    name: str
    threshold: float

    def both_ways(self, first: str, second: str) -> float:
        """The smaller probability, over both directions, that one text entails the other."""
        ...


def words_of(instruction: Instruction, options: Sequence[str]) -> tuple[str, ...]:
    """The label words that the phrasing uses, as far as they are known."""
    if options:
        return tuple(instruction.label_words.get(o, o) for o in options)
    return tuple(instruction.label_words.values())


def readable(word: str, text: str) -> bool:
    """Whether a label word stands in the text, as whole words."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) is not None


def fault(made: Instruction, source: Instruction, options: Sequence[str] = ()) -> str | None:
    """Why the form of a paraphrase is not valid, or None.

    Args:
        made: The paraphrase.
        source: What it paraphrases.
        options: The task's canonical options, where they are fixed.
    """
    if len(made.text.strip()) < instructions.SHORTEST:
        return "it has no words"
    wanted, kept = set(placeholders(source.text)), placeholders(made.text)
    if set(kept) != wanted or len(kept) > len(placeholders(source.text)):
        return f"placeholders {sorted(set(kept))}, the source has {sorted(wanted)}"
    if "options" in wanted:
        if made.option_format not in OPTION_FORMATS:
            return f"option format {made.option_format!r} is unknown"
        if _LETTER.search(made.text) and not answers_by_letter(made):
            return "it asks for a letter and the options have none"
        return None
    before, after = words_of(source, options), words_of(made, options)
    changed = dict(source.label_words) != dict(made.label_words)
    for old, new in zip(before, after, strict=True):
        if (changed or readable(old, source.text)) and not readable(new, made.text):
            return f"the label word {new!r} cannot be read in it"
    return None


class Gate:
    """Lets valid candidates through, each of which the next ones must differ from."""

    def __init__(
        self,
        sources: Iterable[Instruction],
        *,
        apart: Iterable[Instruction] = (),
        entails: Entails | None = None,
    ) -> None:
        """A gate that nothing has passed yet.

        Args:
            sources: What is paraphrased.
            apart: Instructions that no paraphrase may come near, because something else is
                measured on them.
            entails: A judge of meaning; None: meaning is not looked at.
        """
        self._entails = entails
        self._taken = [(shingles(i.text), Ground.SOURCE, i.id) for i in sources]
        self._taken += [(shingles(i.text), Ground.UNOBSERVED, i.collection) for i in apart]

    def check(
        self, made: Instruction, source: Instruction, options: Sequence[str] = ()
    ) -> Refusal | None:
        """Why a candidate is refused; None: it passes, and counts as taken from now on.

        Args:
            made: The candidate.
            source: What it paraphrases.
            options: The task's canonical options, where they are fixed.
        """
        if why := fault(made, source, options):
            return Refusal(ground=Ground.FORM, reason=why)
        grams = shingles(made.text)
        for other, ground, name in self._taken:
            if alike(grams, other):
                return Refusal(ground=ground, reason=f"{ground} ({name})")
        if self._entails is not None:
            sure = self._entails.both_ways(source.text, made.text)
            if sure < self._entails.threshold:
                reason = (
                    f"entailment {sure:.2f} in the weaker direction, "
                    f"{self._entails.threshold:.2f} is wanted"
                )
                return Refusal(ground=Ground.MEANING, reason=reason)
        self._taken.append((grams, Ground.OTHER, made.id))
        return None

    def through(
        self,
        source: Instruction,
        proposals: Iterable[Instruction],
        *,
        options: Sequence[str] = (),
        most: int | None = None,
        on_left: Callable[[Instruction, Refusal], None] | None = None,
    ) -> list[Instruction]:
        """The proposals that pass, in their order.

        Args:
            source: What they paraphrase.
            proposals: Candidates; no more are drawn once `most` have passed.
            options: The task's canonical options, where they are fixed.
            most: How many are wanted; None: all.
            on_left: Called with each candidate that is refused.
        """
        passed: list[Instruction] = []
        for made in proposals:
            refusal = self.check(made, source, options)
            if refusal is None:
                passed.append(made)
            elif on_left is not None:
                on_left(made, refusal)
            if len(passed) == most:
                break
        return passed
