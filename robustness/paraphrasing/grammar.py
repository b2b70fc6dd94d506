"""Parses the sentence that asks in an instruction, and rewrites it as another form of request.

A question, an indirect question, a request to name something or a request to classify becomes a
`Core`, from which the other forms are generated. A sentence that no rule matches is left unchanged:
a wrong paraphrase does more harm than a missing one. Does not handle the layout of a template; see
`template_parser`.
"""

import random
import re
from dataclasses import dataclass

from robustness.paraphrasing import lexicon

_AUXILIARIES = frozenset(
    [
        "is", "are", "was", "were", "does", "do", "did", "has", "have", "can", "could", "will",
        "would", "should", "might", "may", "must",
    ]
)
_BE = frozenset(("is", "are", "was", "were"))
_WH = frozenset(["where", "who", "whom", "whose", "what", "which", "how", "when", "why"])
_PREPOSITIONS = frozenset(["from", "in", "to", "with", "by", "of", "for", "at", "on"])
_PRONOUNS = frozenset([
    "it", "he", "she", "they", "someone", "somebody", "everyone", "we", "you", "there",
])
_BARE_THIS = frozenset([
    "have", "happen", "be", "sound", "say", "show", "mention", "describe", "express", "is", "was",
])
_LEAD = re.compile(
    r"^((?:according to|based on|judging by|judging from|given)\s[^,?:{]+),\s*(.+)$", re.I
)
_FRAME = re.compile(
    r"^(?:please|now|kindly|your (?:task|job|goal) is to|you (?:have to|should|must))\s+",
    re.I,
)
_INDIRECT = re.compile(
    r"^(?:say|tell|determine|work out|find out|indicate|state|figure out|decide|judge|establish|"
    r"specify|report|identify|choose|predict)(?: me| us)?\s+"
    r"((?:whether|if|\w+ which|from whom|where|who|what|which|how|when|why)\b.+)$",
    re.I,
)
_NAMING = re.compile(
    r"^(?:identify|name|find|give|determine|state|detect|recognise|recognize|predict|choose|pick|"
    r"select|specify|provide|output|guess|infer|indicate|report|tell me|tell|say|decide on|"
    r"find out|work out)\s+((?:the|its|their)\s.+)$",
    re.I,
)
_CLASSIFYING = re.compile(
    r"^(?:classify|categori[sz]e|label|tag|sort|mark|annotate|group|assign|organi[sz]e)\s+(.+)$",
    re.I,
)
_GENERIC = re.compile(
    r"^the (?:\w+ )?(?:option|answer|letter|choice|label|response|request)\b", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What a sentence asks for, in every form that could be derived, without final punctuation."""

    question: str = ""
    """`where is {name}`"""
    embedded: str = ""
    """`where {name} is`"""
    phrase: str = ""
    """`the place where {name} is`"""
    imperative: str = ""
    """`sort the sentence by topic`"""
    cloze: str = ""
    """`{name} is in the`: a sentence that the answer completes."""
    lead: str = ""
    """`according to the story`"""
    tail: str = ""
    """`: happy, sad or calm`"""
    generic: bool = False
    """Whether it only asks for 'the answer', without saying to what."""


def _bare(word: str) -> str:
    return word.strip("\"'“”(),.:;").lower()


def lower_first(text: str) -> str:
    """The text with a lower-case first letter, unless its second letter is a capital."""
    return text[:1].lower() + text[1:] if len(text) > 1 and not text[1].isupper() else text


def upper_first(text: str) -> str:
    """The text with a capital first letter; a placeholder is left as it is."""
    return text[:1].upper() + text[1:]


def noun_phrase(words: list[str]) -> int:
    """Number of words at the start that form a noun phrase; 0 where that is unclear."""
    if not words:
        return 0
    first = words[0].lower()
    if re.fullmatch(r"[\"“(]*\{\w+\}[\"”)]*", words[0]):
        return 1
    if re.fullmatch(r"\{\w+\}'s", words[0]):
        return 1 + (1 if len(words) > 1 else 0)
    if first in _PRONOUNS or (
        first in ("this", "that") and (len(words) == 1 or _bare(words[1]) in _BARE_THIS)
    ):
        return 1
    if words[:3] == ["more", "than", "one"] and len(words) > 3:
        return 4
    if first not in lexicon.DETERMINERS and first != "one":
        return 0
    end = 1
    while end < len(words) - 1 and words[end].lower() in lexicon.MODIFIERS:
        end += 1
    if 1 < end < len(words) and words[end].lower() in lexicon.DETERMINERS:
        # `the following | a plain report`: what looked like a modifier was the noun.
        return end
    end = min(end + 1, len(words))
    if words[end - 1].endswith((",", ":")):
        return 0
    while end < len(words) and words[end].lower() in ("above", "below", "here", "underneath"):
        end += 1
    if end < len(words) - 1 and words[end].lower() in ("of", "about", "by"):
        more = noun_phrase(words[end + 1 :])
        return end + 1 + more if more else 0
    if end < len(words) - 2 and words[end].lower() in ("that", "which") and "{" in words[end + 1]:
        return end + 3
    return end


def third_person(verb: str) -> str:
    """Third person singular of a verb: `carry` -> `carries`."""
    if verb == "have":
        return "has"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "ch", "sh", "o", "z")) else "s")


def base_form(verb: str) -> tuple[str, str] | None:
    """The auxiliary and base form of an inflected verb: `carries` -> `(does, carry)`."""
    for base, past in lexicon.PAST.items():
        if verb == past:
            return "did", base
    if verb == "has":
        return "does", "have"
    if verb.endswith("ies"):
        return "does", verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "oes")):
        return "does", verb[:-2]
    if verb.endswith("s") and not verb.endswith("ss"):
        return "does", verb[:-1]
    return None


def _declare(auxiliary: str, rest: list[str]) -> str | None:
    """The statement of a yes/no question: `does`, `{name} carry it` -> `{name} carries it`."""
    length = noun_phrase(rest)
    if not length:
        return None
    subject, after = rest[:length], rest[length:]
    lowered = auxiliary.lower()
    if lowered in ("does", "do", "did"):
        if not after or not after[0].isalpha():
            return None
        verb = after[0]
        if lowered == "does":
            verb = third_person(verb)
        elif lowered == "did":
            if verb not in lexicon.PAST:
                return None
            verb = lexicon.PAST[verb]
        return " ".join([*subject, verb, *after[1:]])
    return " ".join([*subject, lowered, *after])


def _ask(clause: list[str]) -> str | None:
    """The yes/no question of a statement: `{name} carries it` -> `does {name} carry it`."""
    length = noun_phrase(clause)
    if not length or length >= len(clause):
        return None
    subject, verb, after = clause[:length], clause[length].lower(), clause[length + 1 :]
    if verb in _AUXILIARIES - {"has", "have", "do", "does", "did"} or (
        verb in ("has", "have") and after and after[0].endswith("ed")
    ):
        return " ".join([verb, *subject, *after])
    found = base_form(verb)
    return " ".join([found[0], *subject, found[1], *after]) if found else None


def _noun_phrase_of(wh: list[str], clause: str) -> str:
    """The same as a noun phrase: `which item`, `{name} has` -> `the item that {name} has`."""
    lowered = [w.lower() for w in wh]
    if len(wh) == 1:
        frame = lexicon.NOUN_OF_WH.get(lowered[0])
        if frame:
            return frame.format(clause)
        return f"the thing that {clause}" if lowered[0] == "what" else ""
    if lowered[0] in _PREPOSITIONS and lowered[1] == "whom":
        return f"the person {lowered[0]} whom {clause}"
    if lowered[0] in _PREPOSITIONS and lowered[1] in ("which", "what") and len(wh) > 2:
        return f"the {' '.join(wh[2:])} {lowered[0]} which {clause}"
    if lowered[0] in ("which", "what"):
        return f"the {' '.join(wh[1:])} that {clause}"
    return ""


def parse_question(text: str) -> Core | None:
    """Parses a direct question, given without its question mark; None where no rule matches."""
    words = text.split()
    first = words[0].lower() if words else ""
    if first in _AUXILIARIES:
        clause = _declare(first, words[1:])
        return Core(question=lower_first(text), embedded=f"whether {clause}") if clause else None
    start = 1 if first in _PREPOSITIONS else 0
    if len(words) < 2 or words[start].lower() not in _WH:
        return None
    at = next((n for n, w in enumerate(words) if n > start and w.lower() in _AUXILIARIES), None)
    if at is None or at > 5 or any("{" in w for w in words[:at]):
        phrase = ""
        if words[0].lower() == "who":
            phrase = "the person who " + " ".join(words[1:])
        return Core(question=lower_first(text), embedded=lower_first(text), phrase=phrase)
    wh, auxiliary, rest = words[:at], words[at].lower(), words[at + 1 :]
    asked = lower_first(" ".join(wh))
    if auxiliary in _BE and noun_phrase(rest) == len(rest) and rest:
        subject = " ".join(rest)
        if len(wh) == 1 and wh[0].lower() == "what":
            phrase = subject if len(rest) > 1 else ""
        elif len(wh) == 2 and wh[0].lower() in ("what", "which"):
            phrase = f"the {wh[1]} of {subject}"
        else:
            phrase = _noun_phrase_of(wh, f"{subject} {auxiliary}")
        return Core(
            question=lower_first(text), embedded=f"{asked} {subject} {auxiliary}", phrase=phrase
        )
    clause = _declare(auxiliary, rest)
    if clause is None:
        return Core(question=lower_first(text))
    return Core(
        question=lower_first(text), embedded=f"{asked} {clause}", phrase=_noun_phrase_of(wh, clause)
    )


def parse_embedded(text: str) -> Core | None:
    """Parses an indirect question: `whether ...`, `where ...`; None where no rule matches."""
    words = text.split()
    first = words[0].lower()
    if first in ("whether", "if"):
        asked = _ask(words[1:])
        return Core(embedded=text, question=asked) if asked else Core(embedded=text)
    for length in (1, 2, 3):
        wh, clause = words[:length], words[length:]
        if asked := _ask(clause):
            joined = " ".join(wh)
            return Core(
                embedded=text, question=f"{joined} {asked}",
                phrase=_noun_phrase_of(wh, " ".join(clause)),
            )
    return parse_question(text)


def parse_phrase(text: str) -> Core:
    """Parses a noun phrase for what is asked: `the place where {name} is`."""
    for start, word in (
        ("the place where ", "where"), ("the location where ", "where"),
        ("the person who ", "who"), ("the thing that ", "what"), ("the object that ", "what"),
    ):
        if text.startswith(start) and (inner := parse_embedded(f"{word} {text[len(start):]}")):
            return Core(question=inner.question, embedded=inner.embedded, phrase=text)
    return Core(
        phrase=text, question=f"what is {text}",
        embedded=f"what {text} is" if len(text) < 30 else "",
        generic=bool(_GENERIC.match(text)),
    )


def _classifying(text: str, rest: str) -> Core:
    by = re.match(r"^(.+?) (?:by|according to) (?:its |their |the )?([\w ]+)$", rest)
    if by and noun_phrase(by.group(1).split()) == len(by.group(1).split()):
        inner = parse_phrase(f"the {by.group(2)} of {by.group(1)}")
        return Core(imperative=text, question=inner.question, phrase=inner.phrase)
    found = re.match(r"^(.+?) (as|into|with)\b", rest)
    if found and noun_phrase(found.group(1).split()) == len(found.group(1).split()):
        after = rest[found.end() :].strip()
        if found.group(2) == "as" and "{" not in after:
            return Core(
                imperative=text, question=f"should {found.group(1)} be labelled as {after}",
                embedded=f"whether {found.group(1)} should count as {after}",
            )
    return Core(imperative=text)


def parse(sentence: str) -> Core | None:
    """Parses a sentence that asks something; None where no rule matches."""
    text = _FRAME.sub("", sentence.strip()).rstrip(" .?!:").strip()
    if not text:
        return None
    lead, tail = "", ""
    if found := _LEAD.match(text):
        lead, text = lower_first(found.group(1)), found.group(2)
    if ": " in text:
        text, _, tail = text.partition(": ")
        tail = f": {tail}"
    text = lower_first(text)
    core: Core | None = None
    if sentence.rstrip().endswith("?"):
        core = parse_question(text)
    elif found := _INDIRECT.match(text):
        core = parse_embedded(found.group(1))
    elif found := _NAMING.match(text):
        core = parse_phrase(found.group(1))
    elif found := _CLASSIFYING.match(text):
        core = _classifying(text, found.group(1))
    if core is None:
        return None
    return Core(
        question=core.question, embedded=core.embedded, phrase=core.phrase,
        imperative=core.imperative, lead=lead, tail=tail, generic=core.generic,
    )


def _imperative(core: Core, rng: random.Random) -> str:
    forms = []
    if core.embedded:
        verbs = lexicon.KNOWING_VERBS
        if core.embedded.startswith("whether"):
            verbs += lexicon.DECIDING_VERBS
        forms.append(f"{rng.choice(verbs)} {core.embedded}")
    if core.phrase:
        forms.append(f"{rng.choice(lexicon.NAMING_VERBS)} {core.phrase}")
    if core.imperative:
        verb, _, rest = core.imperative.partition(" ")
        for preposition, verbs in lexicon.CLASSIFYING_VERBS.items():
            if f" {preposition} " in rest:
                verb = rng.choice(verbs)
                break
        forms.append(f"{verb} {rest}")
    return rng.choice(forms) if forms else ""


def ask(core: Core, rng: random.Random) -> str:
    """The core as one sentence with final punctuation, in a form drawn at random.

    Returns:
        A question, an imperative or a polite request; empty where the core has none of them.
    """
    question = core.question
    order = _imperative(core, rng)
    choice = rng.random()
    if core.cloze or not (question or order):
        return ""
    if question and (choice < 0.3 or not order):
        made = question + core.tail + "?"
        if rng.random() < 0.35:
            made = rng.choice(lexicon.ASIDES).format(made)
    elif choice < 0.65:
        made = order + core.tail + "."
    else:
        frame = rng.choice(lexicon.REQUESTS)
        end = "" if frame.endswith("?") else "."
        made = frame.format(order if end else order + core.tail) + (core.tail + end if end else "")
    if core.lead:
        made = f"{core.lead}, {lower_first(made)}"
    return upper_first(made)


def leave_open(core: Core, rng: random.Random) -> str:
    """The core as an unfinished sentence that the answer completes; empty where it has none."""
    if core.cloze:
        return upper_first(rng.choice(lexicon.CLOZES).format(lower_first(core.cloze)))
    if not core.phrase or core.tail:
        return ""
    return upper_first(rng.choice(("{}:", "{} is", "{} =", "{} is:", "{} ->")).format(core.phrase))
