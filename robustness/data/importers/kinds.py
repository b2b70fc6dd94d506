"""Infers the task type of an imported entry by one rule for all sources.

The rule is stated in `decide`. Importers say in `Answers` what a source tells of the answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from robustness.types import TaskType

FREE_TEXT = (
    "its answer is free text, not one of a set of options; --task-type qa, mc or bc takes it all "
    "the same"
)

KNOWN: dict[str, int] = {
    "ag_news": 4, "ag_news_subset": 4, "anli": 3, "bool_q": 2, "boolq": 2, "cb": 3, "cola": 2,
    "glue_mrpc": 2, "glue_qqp": 2, "imdb": 2, "imdb_reviews": 2, "mnli": 3, "mnli_matched": 3,
    "mnli_mismatched": 3, "mrpc": 2, "multirc": 2, "paws": 2, "paws_wiki": 2, "qnli": 2, "qqp": 2,
    "rte": 2, "sentiment140": 2, "snli": 3, "sst2": 2, "stsb": 6, "trec": 6, "wic": 2, "wnli": 2,
    "wsc": 2, "yelp_polarity_reviews": 2,
}
"""Public dataset with a fixed set of answers -> size of that set, for formats without it."""

MAX_TEXT = 4_000
"""Number of characters in which alternatives are searched for."""
_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]*")
_NUMBERED = re.compile(
    r"(?:option|choice|answer|ending|solution|sentence|completion|statement|candidate|alternative)"
    r"\s*\(?(?:\d+|[A-J])\)?", re.I,
)
_QUOTED = re.compile(r"[\"'“‘`]([^\"'“”‘’`\n]{1,30})[\"'”’`]")
_ALTERNATIVES = re.compile(
    r"\b(?:into|as|either|between|output|answer|respond|reply|print|return|say|choose|candidates"
    r"(?: include| are)?|categories(?: include| are)?|options(?: include| are)?|labels(?: include"
    r"| are)?|classes(?: include| are)?|is|are|belongs to|:)[\s:]*((?:[\w'-]+(?: [\w'-]+)?"
    r"\s*,\s*)*[\w'-]+(?: [\w'-]+)?\s*,?\s*(?:\bor\b|\band\b|/)\s*[\w'-]+)",
    re.IGNORECASE,
)
_ENDING = re.compile(r"((?:[\w-]+, )*[\w-]+,? or [\w-]+)\s*(?:[?.:]|$)", re.IGNORECASE)
"""`... good, bad or neither?`: alternatives at the end of a sentence."""
_PAIRS = re.compile(
    r"\b(?:yes(?:\s*or\s*|\s*/\s*)no|true(?:\s*or\s*|\s*/\s*)false|or not\b|"
    r"positive(?:\s*or\s*|\s*/\s*)negative)", re.IGNORECASE,
)
_CLASSIFIES = re.compile(
    r"\b(?:classif\w+|categori[sz]\w+|label|detect|determine|decide|identify|predict|tell|judge|"
    r"check|verify|evaluate|assess)\b", re.IGNORECASE,
)
_WHETHER = re.compile(r"\b(?:whether|if)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a source tells of an entry's answers."""

    stated: TaskType | None = None
    """The task type, where the source states it."""
    words: tuple[str, ...] = ()
    """The fixed set of answers."""
    count: int = 0
    """Size of the fixed set of answers, where the answers themselves are not known."""
    vary: bool = False
    """Whether each input has its own options."""
    pointing: bool = False
    """Whether the answers are letters or numbers that point to an option of the input."""
    asks: bool = False
    """Whether the template has a {question} field."""


class Rule(StrEnum):
    """What decided the task type of an entry."""

    GIVEN = "the type was given for all entries"
    STATED = "the source states the type"
    REFERENCES = "letters or numbers that point to the input's options"
    FIXED = "a fixed set of answers"
    COUNTED = "alternatives that the instruction or its data set has"
    VARY = "options that change with the input"
    ASKS = "a field {question}"
    OPEN = "free text"


@dataclass(frozen=True, slots=True)
class Decision:
    """The task type of an entry, and the rule that decided it."""

    task_type: TaskType | None
    """None where the answer is free text."""
    rule: Rule


def references(words: Sequence[str]) -> bool:
    """Whether the words only refer to options of the input: A, B, C; or Ending 1, Ending 2."""
    letters = [m[1].upper() if (m := _LETTER.fullmatch(w.strip())) else "" for w in words]
    pointing = letters == [chr(ord("A") + i) for i in range(len(words))]
    return len(words) > 1 and (pointing or all(_NUMBERED.fullmatch(w.strip()) for w in words))


def decide(answers: Answers) -> Decision:
    """The task type of an entry, with the rule that decided it.

    A type that the source states (a column task_type, a key such as NIV2/BC/1) comes first.
    Otherwise a fixed set of answers makes BC where there are two and MC where there are more (or
    where the entry asks for a class without saying how many there are). Options that change from
    input to input (letters refer to such options), or a {question} field, make QA. Everything else
    is answered in free text and is left out unless the user gives a type.
    """
    if answers.stated is not None:
        return Decision(answers.stated, Rule.STATED)
    if answers.pointing or references(answers.words):
        return Decision(TaskType.QA, Rule.REFERENCES)
    words = len({w.strip().casefold() for w in answers.words})
    size = max(words, answers.count)
    if size >= 2:
        rule = Rule.FIXED if words >= 2 else Rule.COUNTED
        return Decision(TaskType.BC if size == 2 else TaskType.MC, rule)
    if answers.vary:
        return Decision(TaskType.QA, Rule.VARY)
    return Decision(TaskType.QA, Rule.ASKS) if answers.asks else Decision(None, Rule.OPEN)


def infer(answers: Answers) -> TaskType | None:
    """The task type of an entry by `decide`; None where its answer is free text."""
    return decide(answers).task_type


def parse(name: str) -> TaskType | None:
    """The task type of a name in any case; None where there is none of that name."""
    try:
        return TaskType(name.strip().upper())
    except ValueError:
        return None


def dataset(name: str) -> int:
    """Number of answers of a public dataset; 0: unknown, or they change from input to input."""
    folded = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return KNOWN.get(folded, 0)


def named(text: str) -> int:
    """Number of alternatives that an instruction's text names; 0: none.

    `as positive, negative or mixed` are three, `"true" or "false"` two, `whether it is spam` two.
    """
    text = text[:MAX_TEXT]
    quoted = list(dict.fromkeys(w.strip().casefold() for w in _QUOTED.findall(text)))
    if len(quoted) > 1:
        return len(quoted)
    for match in (*_ALTERNATIVES.finditer(text), *_ENDING.finditer(text)):
        parts = re.split(r"\s*(?:,|/|\bor\b|\band\b)\s*", match[1], flags=re.IGNORECASE)
        words = [w for w in dict.fromkeys(p.strip().casefold() for p in parts) if w]
        if "not" in words:
            return 2
        if len(words) > 1:
            return len(words)
    if _PAIRS.search(text):
        return 2
    return 2 if _CLASSIFIES.search(text) and _WHETHER.search(text) else 0


def classifies(text: str) -> bool:
    """Whether an instruction's text asks for a classification."""
    return _CLASSIFIES.search(text) is not None
