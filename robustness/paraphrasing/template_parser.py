"""Parses a template into its request, input fields, options and cue, and assembles a new one.

Does not handle the wording of the request; see `grammar` and `rule_based`.
"""

import random
import re
from dataclasses import dataclass, replace

from robustness.paraphrasing import grammar, lexicon
from robustness.paraphrasing.grammar import Core

_BODY = [
    "text", "story", "passage", "context", "sentence", "input", "review", "question", "message",
    "premise", "document", "article", "hypothesis", "paragraph", "dialogue", "content", "comment",
    "tweet", "headline", "source",
]
_BODY_PATTERN = r"[\"“(]*\{(" + "|".join(_BODY) + r")\}[\")”]*"
_FIELD = re.compile(r"^(?:([^{}\n]{1,40}?)\s*[:\->=]+\s*)?[\"“<(]*\{(\w+)\}[\")”>]*$")
_HEADER = re.compile(r"^[#*\[\s]*[A-Z]\w+(?: \w+)?[\]*:]*$")
_LISTING = re.compile(r"^[#*\[\s]*[A-Z][\w ]{1,40}[\]*:]*$")
_INLINE_OPTIONS = re.compile(
    r",?\s*(?:\(\s*\{options\}\s*\)|(?:with one of|from|out of|among|as one of|between)(?: these)?"
    r"\s*:?\s*\{options\}|:\s*\{options\})"
)
_LABELLED_ASK = re.compile(r"^(?:Q|Question|Request|Task|Instruction|Instructions)\s*:\s+(?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[\"“(A-Z{])")
_FILLER = re.compile(
    r"^(?:read|here is|here are|you are given|you will see|you will be given|you will read|consider"
    r"|look at|after it|study|below is|below are)\b",
    re.I,
)
_GENERIC_CUE = re.compile(
    r"^(?:(?:the|your|my|final|correct|right)\s+)*(?:answer|letter|response|output|reply|a|result|"
    r"solution|choice|label)(?: is)?\s*:?$|^[=\->:\s]+$",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The parts of a template."""

    fields: tuple[tuple[str, str], ...]
    """(marker, placeholder name) of the blocks of input, in order."""
    sentences: tuple[str, ...]
    """The sentences of the request without `core`; they may contain placeholders."""
    core: Core | None
    """The sentence that asks for the answer, parsed; None where none could be parsed."""
    core_text: str
    """That sentence as it was written."""
    core_at: int
    """Its position among the sentences."""
    listed: bool
    """Whether there is a list of options."""
    cue: str
    """What ends the template, e.g. `Answer:`."""

    def filler(self, number: int) -> bool:
        """Whether a sentence only announces the input, e.g. `Read the text below.`."""
        return bool(_FILLER.match(self.sentences[number]))


def _lines(template: str) -> list[str]:
    """The lines of a template, with input fields separated from the sentences around them."""
    found: list[str] = []
    for raw in template.splitlines():
        line = raw.strip()
        while line:
            if _FIELD.match(line):
                found.append(line)
                break
            start = re.match(
                rf"^(?:(?:Read|Consider|Given|Text|Input)\s*:\s*)?({_BODY_PATTERN})\s*(?:=>|->)?\s*(\S.*)$",
                line,
            )
            if (start and not re.match(r"^[,;a-z]", start.group(3))) or (start and "=>" in line):
                found.append(start.group(1))
                line = start.group(3)
                continue
            end = re.match(rf"^(.*[.?!:])\s*({_BODY_PATTERN})$", line)
            if end:
                parts = _SENTENCE_END.split(end.group(1))
                if parts[-1].endswith(":"):
                    found += [" ".join(parts[:-1]), f"{parts[-1]} {end.group(2)}"]
                else:
                    found += [end.group(1), end.group(2)]
                break
            found.append(line)
            break
    return [line for line in found if line]


def _score(core: Core | None, sentence: str) -> int:
    if core is None:
        return 0
    if core.generic or len(sentence.split()) < 3:
        return 1
    return 3 if sentence.endswith("?") else 2


def _cue_core(cue: str) -> Core:
    bare = cue.rstrip(" :=->")
    if cue != bare and "{" in bare and grammar.noun_phrase(f"the {bare}".split()):
        return grammar.parse_phrase(f"the {grammar.lower_first(bare)}")
    return Core(cloze=cue)


def outline(template: str) -> Outline:
    """Parses a template into its parts."""
    lines = _lines(template)
    fields: list[tuple[str, str]] = []
    prose: list[str] = []
    listed = False
    last_is_prose = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        last_is_prose = False
        found = _FIELD.match(line)
        if found and found.group(2) == "options":
            listed = True
            continue
        if found and (found.group(1) or found.group(2) in _BODY or line == f"{{{found.group(2)}}}"):
            fields.append((found.group(1) or "", found.group(2)))
            continue
        opens = _FIELD.match(following)
        if opens and not opens.group(1) and "{" not in line:
            heading = _LISTING if opens.group(2) == "options" else _HEADER
            if heading.match(line) and (line.endswith(":") or len(line.split()) == 1):
                if opens.group(2) != "options":
                    lines[number + 1] = f"{line.strip('#*[]: ')}: {following}"
                continue
        shorter = _INLINE_OPTIONS.sub("", line)
        if shorter != line:
            listed, line = True, shorter
        prose.append(_LABELLED_ASK.sub("", line))
        last_is_prose = True
    cue = ""
    if prose and last_is_prose:
        pieces = _SENTENCE_END.split(prose[-1])
        if not pieces[-1].endswith((".", "?", "!", ")", '"')):
            cue = pieces.pop()
            prose[-1] = " ".join(pieces)
    sentences = [s for line in prose for s in _SENTENCE_END.split(line) if s]
    cores = [grammar.parse(s) for s in sentences]
    scores = [_score(c, s) for c, s in zip(cores, sentences, strict=True)]
    best = max(scores, default=0)
    if best >= 2:
        at = scores.index(best)
        return Outline(
            fields=tuple(fields), sentences=tuple(sentences[:at] + sentences[at + 1 :]),
            core=cores[at], core_text=sentences[at], core_at=at, listed=listed, cue=cue,
        )
    core = None
    if cue and not _GENERIC_CUE.match(cue) and (best == 0 or cue.count(" ") or "{" in cue):
        whole = not sentences or cue.count(" ") or "{" in cue
        core = _cue_core(cue) if whole else None
    return Outline(
        fields=tuple(fields), sentences=tuple(sentences), core=core, core_text=cue if core else "",
        core_at=len(sentences), listed=listed, cue="" if core else cue,
    )


def detach(found: Outline, rng: random.Random) -> Outline:
    """Moves an input field out of the sentence that asks into its own block, where possible."""
    match = re.search(_BODY_PATTERN, found.core_text)
    if found.core is None or match is None or found.core_text.count("{") > 1:
        return found
    noun = rng.choice(("the text", "this text", "the passage", "this piece of text", "the line"))
    text = found.core_text.replace(match.group(0), noun)
    core = grammar.parse(text)
    if core is None:
        return found
    return replace(
        found, core=core, core_text=text, fields=(*found.fields, ("", match.group(1)))
    )


def _marker(marker: str, name: str, rng: random.Random) -> str:
    own = lexicon.MARKERS.get(marker.lower()) or lexicon.MARKERS.get(name)
    return rng.choice(own) if own else (marker or name.capitalize())


def _point(text: str, before: bool) -> str:
    """Corrects words such as 'below' and 'above' for the position of the input."""
    if before:
        text = re.sub(r"\b([Tt])he following (?=[a-z])(?!is |was )", r"\1he ", text)
        text = re.sub(r"\bthe following\b", "this", text)
        text = re.sub(r"\bThe following\b", "This", text)
        return re.sub(r"\b(underneath|further down|below)\b", "above", text)
    return re.sub(r"\b(\w+) above\b(?! the\b)", r"\1 below", text)


def assemble(
    found: Outline, asks: str, *, open_end: str, letters: bool, rng: random.Random
) -> str:
    """Assembles a template from an outline and a reworded request, in a layout drawn at random.

    Args:
        found: The fields, and whether options are listed.
        asks: The reworded request; may be empty where `open_end` is not.
        open_end: An unfinished sentence that ends the template; empty: a cue ends it.
        letters: Whether the answer is a letter.
        rng: Random choices of the layout.
    """
    style = rng.choice(lexicon.FIELD_STYLES)
    fields = list(found.fields)
    if len(fields) > 1:
        rng.shuffle(fields)
        style = rng.choice([s for s in lexicon.FIELD_STYLES if "{marker}" in s])
    blocks = []
    for marker, name in fields:
        shown = _marker(marker, name, rng)
        tag = re.sub(r"\W+", "_", shown.lower())
        blocks.append(style.format(marker=shown, lower=tag, value="{" + name + "}"))
    given = ("\n" if rng.random() < 0.7 or len(blocks) < 2 else "\n\n").join(blocks)
    listing = ""
    if found.listed:
        start = rng.choice((*lexicon.LISTINGS, "", "", ""))
        gap = "\n" if letters or rng.random() < 0.6 else " "
        listing = f"{start}{gap if start else ''}{{options}}"
    before = rng.random() < 0.5
    asks = _point(asks, before and bool(given))
    if asks:
        asks = rng.choice(lexicon.ASKERS).format(asks)
    first, second = (given, asks) if before else (asks, given)
    order = [first, second]
    order.insert(2 if open_end or rng.random() < 0.6 else rng.choice((0, 1)), listing)
    cues = lexicon.LETTER_CUES if letters else lexicon.CUES
    share = 0.55 if asks.rstrip().endswith(("?", ".")) and order[-1] == asks else 0.85
    end = open_end or (rng.choice(cues) if rng.random() < share else "")
    separator = rng.choice(lexicon.BLOCK_SEPARATORS)
    made = separator.join(block for block in order if block)
    gap = rng.choice(("\n", "\n", "\n\n", " " if open_end and not found.listed else "\n"))
    return f"{made}{gap}{end}" if end and made else made or end
