"""Filters candidate paraphrases by form, near-duplication and meaning.

A candidate must keep the placeholders and label words of its source, must not be a near-duplicate
(character 5-gram Jaccard above 0.6) of a source, of another paraphrase or of an instruction that is
kept apart for evaluation, and, where an entailment model is given, must entail the source and be
entailed by it. Does not make paraphrases; see `rule_based` and `llm_paraphraser`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from robustness.data import instructions
from robustness.data.prompts import OPTION_FORMATS, answers_by_letter, placeholders
from robustness.stats.shingles import alike, shingles
from robustness.types import Instruction

_LETTER = re.compile(r"\bletters?\b", re.I)


class Ground(StrEnum):
    """Why a candidate is refused."""

    FORM = "placeholders or label words"
    SOURCE = "near-duplicate of a source"
    OTHER = "near-duplicate of another paraphrase"
    UNOBSERVED = "near-duplicate of an instruction that is kept apart"
    MEANING = "changed meaning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The refusal of a candidate."""

    ground: Ground
    reason: str
    """The details, in a sentence."""


class Entails(Protocol):
    """A judge of whether two texts mean the same; `entailment.Entailment` is one."""

    name: str
    threshold: float

    def both_ways(self, first: str, second: str) -> float:
        """The smaller probability, over both directions, that one text entails the other."""
        ...


def words_of(instruction: Instruction, options: Sequence[str]) -> tuple[str, ...]:
    """The label words of an instruction, as far as they are known without an input."""
    if options:
        return tuple(instruction.label_words.get(o, o) for o in options)
    return tuple(instruction.label_words.values())


def readable(word: str, text: str) -> bool:
    """Whether a label word occurs in the text as a whole word."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) is not None


def fault(made: Instruction, source: Instruction, options: Sequence[str] = ()) -> str | None:
    """Why the form of a paraphrase is invalid; None where it is valid.

    Args:
        made: The paraphrase.
        source: The instruction that it paraphrases.
        options: The task's canonical options, where they are the same for all inputs.
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


class CandidateFilter:
    """Checks candidates in turn; later ones may not be near-duplicates of those that passed."""

    def __init__(
        self,
        sources: Iterable[Instruction],
        *,
        apart: Iterable[Instruction] = (),
        entails: Entails | None = None,
    ) -> None:
        """A filter that no candidate has passed yet.

        Args:
            sources: The instructions that are paraphrased.
            apart: Instructions that no paraphrase may be a near-duplicate of, because models are
                evaluated on them.
            entails: A judge of meaning; None: meaning is not checked.
        """
        self._entails = entails
        self._taken = [(shingles(i.text), Ground.SOURCE, i.id) for i in sources]
        self._taken += [(shingles(i.text), Ground.UNOBSERVED, i.collection) for i in apart]

    def check(
        self, made: Instruction, source: Instruction, options: Sequence[str] = ()
    ) -> Refusal | None:
        """Why a candidate is refused; None where it passes.

        Args:
            made: The candidate.
            source: The instruction that it paraphrases.
            options: The task's canonical options, where they are the same for all inputs.
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
        """The candidates that pass, in their order.

        Args:
            source: The instruction that they paraphrase.
            proposals: Candidates; the iterator is not advanced further once `most` have passed.
            options: The task's canonical options, where they are the same for all inputs.
            most: How many are wanted; None: all that pass.
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
