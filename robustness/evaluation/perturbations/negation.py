"""Negates an instruction by a 'not' in the sentence that asks [S1].

Rules cover questions, orders, duties ("your task is to ...") and unfinished statements. Where none
matches, the sentence "Do not do what is asked here." is put before the instruction.
"""

import re

from robustness.paraphrasing import grammar, lexicon, template_parser

TAKEN_BACK = "Do not do what is asked here."

_ORDER = re.compile(
    r"^(?:please )?(?:say|write|mark|choose|label|answer|sort|tell|decide|pick|give|name|assign|"
    r"classify|select|identify|reply|use|put|find|judge|determine|state|rate|match|complete|"
    r"work out|guess|predict|indicate|report|categori[sz]e|tag|group|specify|describe|respond|"
    r"detect|output|return|provide|check|generate|translate|convert|rewrite|paraphrase|summari[sz]e|"
    r"create|construct|compute|calculate|extract|evaluate|analy[sz]e|count|compare|fill|replace|"
    r"remove|ask|correct|edit|modify|explain|infer|locate|list|compose|produce|arrange|recogni[sz]e|"
    r"verify|estimate|compile|combine|annotate)\b(?! (?:with|in|by|using|yes|only)\b)",
    re.IGNORECASE,
)
_LEAST_WORDS = 3
"""Least number of words of a request; fewer are a cue such as 'Mark:'."""
_DUTY = re.compile(
    r"\b((?:your|the|this) (?:task|job|goal|aim|objective) (?:is|was)|we ask you|"
    r"(?:asked|required|expected|supposed|instructed|told|requested))(?= to\b)",
    re.IGNORECASE,
)
_MUST = re.compile(
    r"\b(you) (?:must|should|(?:need|have|are|will need|will have) to)\b(?! not\b)", re.IGNORECASE
)
_ABOUT = re.compile(r"\b((?:this|the|your) task is)(?= about\b)", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|does|do|did|has|have|can|could|will|would|should|might|may|must)\b",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r"\b(is|are|was|were|can|will|should|would|could|must)\b(?! not\b)", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^\n.?!]+[.?!]*")
_MARKER = re.compile(
    r"^\s*(?:(?:[A-Z]\w*(?: \w+){0,2}:\s+)|(?:in this (?:task|problem|exercise)|"
    r"(?:based on|according to|judging by|given|for each|for every|for this|for the|from the)"
    r"\s[^,?:{]+),\s*)+",
    re.IGNORECASE,
)
_WH_SUBJECT = re.compile(
    r"^(who|(?:which|what) \w+(?: (?:or|of) \w+)?|how many \w+) (\w+)( [^?]+|)\?", re.IGNORECASE
)
_DO = frozenset(("do", "does", "did"))
_PREPOSITIONS = frozenset(
    ("about", "at", "by", "for", "from", "in", "of", "on", "to", "under", "with")
)
_ADVERBS = frozenset(("here", "above", "below", "there"))
_ARTICLES = frozenset(("a", "an", "the"))
_PRONOUN = frozenset(("it", "he", "she", "they", "this", "that"))


def _subject(rest: list[str], auxiliary: str) -> int:
    """Number of words of the subject after an auxiliary verb; 0 where that is unclear."""
    length = grammar.noun_phrase(rest)
    if not length:
        return 0
    alone = rest[0].lower() in ("this", "that")
    if alone and len(rest) > 1 and re.search(r"[^s]s$", rest[1]):
        # `this thumbs up`: the next word is a verb, so `this` is the whole subject.
        return 1
    last = rest[length - 1].lower()
    if length > 1 and last in lexicon.DETERMINERS | _PREPOSITIONS:
        # `this an`, `this written in`: what looked like the noun was none.
        return 1 if alone and last in _PREPOSITIONS else length - 1
    if length < len(rest) - 1 and "{" in rest[length] and "{" not in rest[length - 1]:
        # `the thing {name} carries`.
        return length + 2
    return _before_verb(rest, length, alone) if auxiliary.lower() in _DO else length


def _before_verb(rest: list[str], length: int, alone: bool) -> int:
    """Length of a subject that must be followed by a verb, as after `does`."""
    if length < len(rest) and rest[length].lower() in _PREPOSITIONS:
        if alone:
            # `this come from`.
            return 1
        more = grammar.noun_phrase(rest[length + 1 :])
        return length + 1 + more if more else length
    if length < len(rest):
        return length
    # `the customer complain here`.
    while length and rest[length - 1].lower() in _ADVERBS:
        length -= 1
    return max(0, length - 1)


def _question(sentence: str) -> str | None:
    """Negates a question: `Where is {name}?` -> `Where is {name} not?`."""
    for found in _AUXILIARY.finditer(sentence):
        head = sentence[: found.end()]
        rest = sentence[found.end() :].rstrip(" ?").split()
        length = _subject(rest, found[0])
        if length and rest[length - 1].lower() in _ARTICLES:
            # An article without its noun is no subject.
            continue
        if length and length == len(rest) and not _short(rest):
            words = head.split()
            if words[0].lower() == "how":
                continue
            # `What colour is the lamp?` -> `What colour is not that of the lamp?`.
            owned = "that of " if len(words) > 2 else ""
            return f"{head} not {owned}{' '.join(rest)}?"
        if length:
            # `Could you please not`.
            length += rest[length : length + 1] in (["please"], ["kindly"])
            return " ".join([head, *rest[:length], "not", *rest[length:]]) + "?"
    return _wh_subject(sentence)


def _short(words: list[str]) -> bool:
    """Whether a subject is a pronoun or a name, after which a bare `not` is possible."""
    return len(words) == 1 and ("{" in words[0] or words[0].lower() in _PRONOUN)


def _wh_subject(sentence: str) -> str | None:
    """Negates a question about the subject: `Who gave it?` -> `Who did not give it?`."""
    found = _WH_SUBJECT.match(sentence)
    if found is None:
        return None
    wh, verb, after = found[1], found[2], found[3]
    tail = sentence[found.end() :]
    if _AUXILIARY.fullmatch(verb):
        return f"{wh} {verb} not{after}?{tail}"
    if wh.lower().startswith("how many"):
        return f"{wh} do not {verb}{after}?{tail}" if grammar.base_form(verb) is None else None
    inflected = grammar.base_form(verb)
    return f"{wh} {inflected[0]} not {inflected[1]}{after}?{tail}" if inflected else None


def _order(sentence: str) -> str | None:
    """Negates an order: `Name the place.` -> `Do not name the place.`."""
    if not _ORDER.match(sentence) or len(sentence.split()) < _LEAST_WORDS:
        return None
    polite = re.match(r"please ", sentence, re.IGNORECASE)
    bare = sentence[polite.end() :] if polite else sentence
    made = "do not " + grammar.lower_first(bare)
    return (sentence[: polite.end()] if polite else "") + (
        grammar.upper_first(made) if sentence[0].isupper() and not polite else made
    )


def _statement(sentence: str) -> str | None:
    """Negates a statement: `{name} is in the` -> `{name} is not in the`."""
    found = list(_COPULA.finditer(sentence))
    if found:
        end = found[-1].end()
        return f"{sentence[:end]} not{sentence[end:]}"
    words = sentence.split()
    for number, word in enumerate(words):
        before = words[:number]
        inflected = grammar.base_form(word)
        if before and grammar.noun_phrase(before) == len(before) and inflected:
            return " ".join([*before, inflected[0], "not", inflected[1], *words[number + 1 :]])
    return None


def _sentence(sentence: str) -> str | None:
    """Negates one sentence; None where no rule matches."""
    marker = _MARKER.match(sentence)
    start = marker.end() if marker else len(sentence) - len(sentence.lstrip())
    head, asked = sentence[:start], sentence[start:]
    if asked.rstrip().endswith("?"):
        made = _question(asked)
        return None if made is None else head + made
    for pattern, put in ((_DUTY, r"\1 not"), (_MUST, r"\1 must not"), (_ABOUT, r"\1 not")):
        if pattern.search(asked):
            return head + pattern.sub(put, asked, count=1)
    made = _order(asked)
    return None if made is None else head + made


def negate(text: str) -> str:
    """The instruction that asks for the opposite; placeholders and layout are kept.

    Args:
        text: A template, or an instruction without placeholders.
    """
    found = template_parser.outline(text)
    core = found.core_text
    if core and text.count(core) == 1:
        made = _statement(core) if found.core is not None and found.core.cloze else _sentence(core)
        if made is not None:
            return text.replace(core, made)
    for match in _SENTENCE.finditer(text):
        made = _sentence(match[0])
        if made is not None:
            return text[: match.start()] + made + text[match.end() :]
    return f"{TAKEN_BACK}\n{text}"
