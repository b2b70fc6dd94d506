"""The surface rules by family, and their application to an instruction or to an input.

A rule changes the template (never the input that fills it), by a seed, and only in what its name
says: placeholders, quotations, label words and options stay. A rule that finds nothing to change
gives None, and so does one whose result would ask for other answers than are scored.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from robustness.data import label_conflicts, prompts
from robustness.errors import InputError
from robustness.paraphrasing import grammar, template_parser
from robustness.paraphrasing.candidate_filter import words_of
from robustness.paraphrasing.surface import text
from robustness.paraphrasing.surface.text import Change, Marked
from robustness.types import Example, Instruction

COLLECTION = "surface"
ALL = "all"


class Family(StrEnum):
    """What kind of change a rule makes."""

    TYPOS = "typos"
    CASING = "casing"
    SPACING = "spacing"
    PUNCTUATION = "punctuation"
    STOP_WORDS = "stop words"
    ORDER = "order of options"
    LABELS = "letters or words"
    PERSONA = "persona"
    POLITENESS = "politeness"
    PADDING = "padding"
    IGNORED = "ignored text"
    LENGTH = "few or many words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named surface perturbation."""

    name: str
    family: Family
    says: str
    """What it changes, in a sentence."""
    change: Change | None = None
    """Changes the text; None: it changes more than the text."""
    remake: Callable[[Instruction], Instruction | None] | None = None
    """Changes the instruction; None where it cannot."""

    @property
    def of_inputs(self) -> bool:
        """Whether it changes an input's options, see `permuted`, and not the instruction."""
        return self.change is None and self.remake is None


PERSONAS = (
    "You are a careful annotator.", "You are a teacher in a primary school.",
    "You are an assistant who answers exactly what is asked.",
    "You are a retired engineer who likes puzzles.",
)
POLITE = (
    "Could you please help me with this? Thank you very much.",
    "Please be so kind as to do the following. Many thanks.",
    "I would be very grateful for your help with this, please.",
)
CURT = ("Do this now.", "No chatter. Just do it.", "Hurry up with this.")
IGNORED = (
    "The library opens at nine on weekdays.", "Parcels are handed out at the back entrance.",
    "The meeting about the new printer was moved by an hour.",
)
WORDY = (
    "In what follows you will find everything that you need. Go through it from the beginning to "
    "the end, as slowly as you like, and after that do exactly what is asked, no more and no less.",
    "What stands below has many parts, all of which belong together. Take them in "
    "turn, think about them for as long as you need to, and then respond to the request "
    "that you find among them.",
)
_OPENING = re.compile(
    r"^(?:please|now|kindly|(?:in this task,? )?your (?:task|job|goal) is to|"
    r"you (?:have to|should|must)|i would like you to)\s+(?=\w)",
    re.IGNORECASE,
)
_LETTER_OF = re.compile(r"\b(?:the |its )?letter of (the|your|its)\b", re.IGNORECASE)
_LETTER = re.compile(r"\bletter(s?)\b", re.IGNORECASE)
_NEEDED = re.compile(r"\bletters?\b|\bwords?\b|\d|[{}:_?]", re.IGNORECASE)
"""What a sentence must not have to be left out beside the one that asks."""


def _ignored(given: Marked, rng: random.Random) -> str:
    front = f"{rng.choice(IGNORED)}\nIgnore the text above. Here is the actual instruction:"
    return f"{front}\n{given.text}"


def _few_words(given: Marked, rng: random.Random) -> str:
    """The shortest form of the sentence that asks, without those that only announce something."""
    made = given.text
    found = template_parser.outline(made)
    core = found.core
    if core is None or not re.search(r"\w[.?!]$", found.core_text) or core.cloze:
        return made
    if made.count(found.core_text) != 1:
        return made
    for sentence in found.sentences:
        start = made.find(sentence)
        if start >= 0 and given.free(start, start + len(sentence)) and not _NEEDED.search(sentence):
            # A line of its own goes with its line breaks; within a line, with one space.
            pattern = rf"(?:^|(?<=\n)){re.escape(sentence)}[ \t]*(?:\n+|(?=\S)|$)|[ \t]*"
            made = re.sub(pattern + re.escape(sentence), "", made, count=1)
    forms = [_OPENING.sub("", found.core_text)]
    if core.question:
        forms.append(f"{core.question}{core.tail}?")
    if core.phrase and not re.search(r"\bof (?:it|this|that)\b", core.phrase):
        forms.append(f"{core.phrase.removeprefix('the ')}{core.tail}.")
    named = [given.text[a:b] for a, b in given.kept if given.text[a:b] in found.core_text]
    whole = [f for f in forms if all(n in f for n in named)]
    shortest = min(whole or [found.core_text], key=lambda form: (len(form.split()), len(form)))
    if len(shortest.split()) < len(found.core_text.split()):
        made = made.replace(found.core_text, grammar.upper_first(shortest))
    return made


def _letters_or_words(given: Instruction) -> Instruction | None:
    if "options" not in prompts.placeholders(given.text) and not (
        given.option_format and not prompts.placeholders(given.text)
    ):
        return None
    if not prompts.answers_by_letter(given):
        return replace(given, option_format="letters_dot", id="")

    def word(match: re.Match[str]) -> str:
        return ("Option" if match[0][0].isupper() else "option") + match[1]

    def owner(match: re.Match[str]) -> str:
        return grammar.upper_first(match[1]) if match[0][0].isupper() else match[1]

    return replace(
        given, text=_LETTER.sub(word, _LETTER_OF.sub(owner, given.text)),
        option_format=prompts.DEFAULT_OPTION_FORMAT, id="",
    )


def _rule(name: str, family: Family, says: str, change: Change | None = None) -> Rule:
    return Rule(name=name, family=family, says=says, change=change)


RULES: tuple[Rule, ...] = (
    _rule("typo_swap", Family.TYPOS, "Two letters of a quarter of the longer words change places.",
          text.some_words(text.swapped)),
    _rule("typo_drop", Family.TYPOS, "A letter of a quarter of the longer words is missing.",
          text.some_words(text.dropped)),
    _rule("typo_double", Family.TYPOS, "A letter of a quarter of the longer words stands twice.",
          text.some_words(text.doubled)),
    _rule("typo_key", Family.TYPOS, "A letter of a quarter of the longer words is one of a "
          "neighbouring key.", text.some_words(text.mistyped)),
    _rule("lower_case", Family.CASING, "All letters are small.", text.everywhere(str.lower)),
    _rule("upper_case", Family.CASING, "All letters are capitals.", text.everywhere(str.upper)),
    _rule("title_case", Family.CASING, "Every word begins with a capital.",
          text.everywhere(text.titled)),
    _rule("double_spaces", Family.SPACING, "Every space between words stands twice.",
          text.everywhere(text.wide)),
    _rule("one_line", Family.SPACING, "Line breaks are spaces.", text.everywhere(text.one_line)),
    _rule("empty_lines", Family.SPACING, "Every line break stands twice.",
          text.everywhere(text.apart)),
    _rule("split_words", Family.SPACING, "A quarter of the longer words has a space inside.",
          text.some_words(text.split, least=5)),
    _rule("joined_words", Family.SPACING, "A quarter of the spaces between words is missing.",
          text.joined),
    _rule("no_marks", Family.PUNCTUATION, "Punctuation behind words is missing.",
          text.everywhere(text.unpunctuated)),
    _rule("spaced_marks", Family.PUNCTUATION, "A space stands in front of punctuation.",
          text.everywhere(text.spaced_marks)),
    _rule("repeated_marks", Family.PUNCTUATION, "The mark at a sentence's end stands three times.",
          text.everywhere(text.repeated_marks)),
    _rule("no_stop_words", Family.STOP_WORDS, "Articles, pronouns and auxiliaries are missing.",
          text.without_stop_words),
    _rule("reversed_options", Family.ORDER, "The options are listed from the last to the first."),
    _rule("shuffled_options", Family.ORDER, "The options are listed in another order, drawn by "
          "the seed and the input."),
    Rule(name="letters_or_words", family=Family.LABELS, says="The answer is the option's letter "
         "where it was its text, and its text where it was its letter.", remake=_letters_or_words),
    _rule("persona", Family.PERSONA, "A line in front gives the model a role.",
          text.in_front(PERSONAS)),
    _rule("polite", Family.POLITENESS, "A line in front asks politely.", text.in_front(POLITE)),
    _rule("curt", Family.POLITENESS, "A line in front is impatient.", text.in_front(CURT)),
    _rule("padding", Family.PADDING, "Lines of repeated marks stand around everything but the cue.",
          text.padded),
    _rule("ignored_text", Family.IGNORED, "A sentence about something else stands in front, which "
          "is to be ignored.", _ignored),
    _rule("few_words", Family.LENGTH, "The request in its shortest form, without sentences that "
          "only announce it.", _few_words),
    _rule("many_words", Family.LENGTH, "A long sentence in front says to read everything.",
          text.in_front(WORDY)),
)
"""All rules, in the order of their families."""


def chosen(names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of some names, of rules or of families.

    Args:
        names: Names; `all` for all rules.

    Raises:
        InputError: There is no such rule or family.
    """
    known = {ALL, *(r.name for r in RULES), *(str(f) for f in Family)}
    for name in names:
        if name not in known:
            raise InputError(
                f"there is no perturbation {name!r}; {ALL}, or families: {', '.join(Family)}; "
                f"rules: {', '.join(r.name for r in RULES)}"
            )
    return tuple(r for r in RULES if {ALL, r.name, str(r.family)} & set(names))


def perturb(
    given: Instruction, rule: Rule, *, seed: int, options: Sequence[str] = ()
) -> Instruction | None:
    """Applies a rule to an instruction; equal arguments give equal results.

    Args:
        given: The instruction.
        rule: A rule that changes instructions.
        seed: Seed of all random choices.
        options: The task's options, where they are the same for all inputs; they stay in the text.

    Returns:
        The changed instruction, or None where the rule does not apply to this one.
    """
    words = (*words_of(given, options), *options)
    rng = random.Random(f"{seed}-{rule.name}-{given.id}")
    if rule.change is not None:
        made: Instruction | None = replace(
            given, text=rule.change(text.marked(given.text, words), rng), id=""
        )
    else:
        made = None if rule.remake is None else rule.remake(given)
    if made is None or (made.text, made.option_format) == (given.text, given.option_format):
        return None
    if Counter(prompts.placeholders(made.text)) != Counter(prompts.placeholders(given.text)):
        return None
    if options and len(label_conflicts.find(made, options)) > len(
        label_conflicts.find(given, options)
    ):
        return None
    return replace(made, collection=COLLECTION, observed=False, source=rule.name, id="")


def permuted(example: Example, rule: Rule, *, seed: int) -> Example:
    """An input with its options in the order that a rule of the family `ORDER` gives.

    Args:
        example: The input.
        rule: `reversed_options` or `shuffled_options`.
        seed: Seed of the order, which also depends on the input.
    """
    if rule.name == "reversed_options":
        order = list(range(len(example.options)))[::-1]
    else:
        drawn = np.random.default_rng([seed, int(example.id[:8], 16)])
        order = [int(n) for n in drawn.permutation(len(example.options))]
        if order == sorted(order):
            order = [*order[1:], order[0]]
    return replace(example, options=tuple(example.options[n] for n in order), id="")
