"""Paraphrases instruction templates by rules and word lists, without a model or a network.

A template is parsed (`template_parser`), its request is put into another grammatical form
(`grammar`), words are replaced by synonyms (`lexicon`), and the parts get a new layout.
Candidates are then filtered (`candidate_filter`).
"""

import importlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence

from robustness.data.instructions import PARAPHRASES
from robustness.data.prompts import OPTION_FORMATS, answers_by_letter, placeholders
from robustness.paraphrasing import grammar, lexicon, template_parser
from robustness.paraphrasing.candidate_filter import CandidateFilter, readable, words_of
from robustness.paraphrasing.defaults import PER_INSTRUCTION
from robustness.paraphrasing.template_parser import Outline
from robustness.types import Instruction

_TRIES = 40
_PAIR = re.compile(
    r"^(?:answer|say|reply|respond|write)?(?: with)? ?[\"']?(\w+)[\"']? or [\"']?(\w+)[\"']?[.?!]$",
    re.I,
)
_SPLIT = re.compile(
    r"^(write|say|answer|reply|use|put) (\w+) if (.+?),? (?:and|or) (\w+) if (.+?)\.?$", re.I
)
_ORDER = re.compile(
    r"^(?:say|write|mark|choose|label|answer|sort|tell|decide|pick|give|name|assign|classify|select|"
    r"identify|reply|use|put|find|judge|determine|state|rate|match|complete)\b",
    re.I,
)
_LONGEST_FIRST = sorted(lexicon.SYNONYMS, key=len, reverse=True)
_ARTICLE = r"(?:(?<![\w{'])([Aa]n?)( +))?"
"""An article that the next word may need otherwise once it is replaced."""
_KEYS = re.compile(rf"{_ARTICLE}\b({'|'.join(map(re.escape, _LONGEST_FIRST))})\b", re.I)
_HIDDEN = re.compile(r"\ue000(\d+)\ue001")
_LETTER = re.compile(r"\bletters?\b", re.I)
_ONE_WORD = re.compile(r"\b(?:one|single) word\b", re.I)


def _hide(text: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """Replaces placeholders, quotations and label words by marks, which no synonym changes."""
    kept: list[str] = []

    def mark(match: re.Match[str]) -> str:
        kept.append(match.group(0))
        return f"\ue000{len(kept) - 1}\ue001"

    fixed = [rf"(?<!\w){re.escape(w)}(?!\w)" for w in (*words, *lexicon.FIXED)]
    parts = [r"\{\w+\}", r"\"[^\"]*\"", *fixed]
    return re.sub("|".join(parts), mark, text, flags=re.I), kept


def _behind(article: str | None, space: str, new: str) -> str:
    """A new word behind the article that it takes, if there was one."""
    if article is None:
        return new
    articles = importlib.import_module("robustness.paraphrasing.articles")
    return f"{articles.before(new, article)}{space}{new}"


def reword(text: str, words: Sequence[str], share: float, rng: random.Random) -> str:
    """Replaces about a share of the words that have synonyms; label words are left as they are."""
    hidden, kept = _hide(text, words)
    memory: dict[str, str] = {}

    def swap(match: re.Match[str]) -> str:
        article, space, found = match.groups()
        key = found.lower()
        if key not in memory:
            memory[key] = rng.choice(lexicon.SYNONYMS[key]) if rng.random() < share else ""
        new = memory[key]
        if not new:
            return match.group(0)
        return _behind(article, space, grammar.upper_first(new) if found[0].isupper() else new)

    changed = _KEYS.sub(swap, hidden)
    return _HIDDEN.sub(lambda m: kept[int(m.group(1))], changed)


def _side(sentence: str, letters: bool, rng: random.Random) -> str:
    """Rewords a sentence beside the one that asks; '' leaves it out."""
    if _LETTER.search(sentence) and len(sentence) < 50:
        return rng.choice(lexicon.BY_LETTER) if letters else ""
    if _ONE_WORD.search(sentence) and len(sentence) < 40:
        return rng.choice(lexicon.ONE_WORD)
    if pair := _PAIR.match(sentence):
        first, second = pair.groups()
        made = rng.choice(lexicon.PAIR_REQUESTS).format(first.lower(), second.lower())
        return grammar.upper_first(made)
    if (split := _SPLIT.match(sentence)) and rng.random() < 0.8:
        verb, x, a, y, b = split.groups()
        made = rng.choice(lexicon.SPLITS)
        made = made.format(verb=verb.lower(), x=x, a=a, y=y, b=b, X=x.capitalize())
        return grammar.upper_first(made)
    if _ORDER.match(sentence) and rng.random() < 0.6:
        bare = grammar.lower_first(sentence.rstrip(".!"))
        frame = rng.choice(lexicon.REQUESTS)
        return grammar.upper_first(frame.format(bare)) + ("" if frame.endswith("?") else ".")
    return sentence


def _prose(
    found: Outline, words: Sequence[str], letters: bool, rng: random.Random
) -> tuple[str, str]:
    """The reworded sentences, and an unfinished sentence that closes the template or ''."""
    share = rng.choice((0.3, 0.5, 0.7, 0.9))
    close = ""
    asked = ""
    if found.core is not None:
        if found.core.cloze or (found.core.phrase and rng.random() < 0.18):
            close = grammar.leave_open(found.core, rng)
        asked = "" if close else grammar.ask(found.core, rng)
        if not close and not asked:
            asked = found.core_text
    sides = []
    for number, sentence in enumerate(found.sentences):
        if found.core is not None and found.filler(number) and rng.random() < 0.6:
            continue
        new = _side(sentence, letters, rng)
        if new == sentence:
            new = reword(sentence, words, share, rng)
        if new and new not in sides:
            sides.append(new)
    at = min(found.core_at, len(sides)) if rng.random() < 0.7 else len(sides)
    pair = [n for n, s in enumerate(sides) if s.startswith(("Is it", "(", "Either")) or "/" in s]
    if pair:
        at = 0
    asked, close = reword(asked, words, share, rng), reword(close, words, share, rng)
    pieces = [*sides[:at], *([asked] if asked else []), *sides[at:]]
    if rng.random() < 0.3:
        pieces.insert(0, rng.choice(lexicon.OPENINGS))
    joint = "\n" if rng.random() < 0.2 else " "
    return joint.join(pieces), close


def _labels(
    source: Instruction, options: Sequence[str], rng: random.Random
) -> tuple[dict[str, str], dict[str, str]]:
    """New label words: canonical option -> word, and old word -> new word for the text."""
    same = dict(source.label_words)
    words = words_of(source, options)
    visible = "options" in placeholders(source.text) or all(readable(w, source.text) for w in words)
    draw = rng.random()
    if not options or not visible or answers_by_letter(source) or draw > 0.22:
        return same, {}
    new: tuple[str, ...] = words
    if draw < 0.07:
        new = tuple(w.capitalize() for w in words)
    elif draw < 0.1:
        new = tuple(w.upper() for w in words)
    else:
        lowered = [w.lower() for w in words]
        for family in lexicon.LABEL_SETS:
            for member in family:
                if sorted(member) == sorted(lowered):
                    other = rng.choice([m for m in family if m != member])
                    new = tuple(other[member.index(w)] for w in lowered)
    return dict(zip(options, new, strict=True)), dict(zip(words, new, strict=True))


def _format(source: Instruction, rng: random.Random) -> str:
    if "options" not in placeholders(source.text):
        return source.option_format
    names = list(OPTION_FORMATS)
    if _LETTER.search(source.text) or answers_by_letter(source):
        return rng.choice([n for n in names if n.startswith("letters_")])
    plain = [n for n in names if not n.startswith("letters_")]
    return rng.choice(names if rng.random() < 0.3 and not _ONE_WORD.search(source.text) else plain)


def _renamed(text: str, old: str, new: str) -> str:
    """The text with a label word in place of another."""
    pattern = rf"{_ARTICLE}(?<![\w{{]){re.escape(old)}(?![\w}}])"
    return re.sub(pattern, lambda m: _behind(m[1], m[2], new), text, flags=re.I)


def candidate(
    source: Instruction, options: Sequence[str], seed: int, rng: random.Random
) -> Instruction:
    """One candidate paraphrase, not yet filtered."""
    found = template_parser.outline(source.text)
    if rng.random() < 0.7:
        found = template_parser.detach(found, rng)
    option_format = _format(source, rng)
    letters = option_format.startswith("letters_")
    labels, replaced = ({}, {}) if letters else _labels(source, options, rng)
    if letters:
        labels = dict(source.label_words)
    asks, close = _prose(found, () if letters else words_of(source, options), letters, rng)
    for old, new in replaced.items():
        asks, close = (_renamed(part, old, new) for part in (asks, close))
    text = template_parser.assemble(found, asks, open_end=close, letters=letters, rng=rng)
    return Instruction(
        text=text, collection=PARAPHRASES, task_type=source.task_type, task=source.task,
        label_words=labels, option_format=option_format,
        source=f"offline paraphraser, seed {seed}",
    )


def proposals(
    source: Instruction, options: Sequence[str], seed: int, count: int
) -> Iterator[Instruction]:
    """Candidate paraphrases of one instruction, not yet filtered.

    Args:
        source: The instruction to paraphrase.
        options: The task's canonical options, where they are the same for all inputs.
        seed: Seed of all random choices.
        count: How many valid ones are wanted; 40 times as many candidates are proposed.
    """
    rng = random.Random(f"{seed}-{source.id}")
    for _ in range(_TRIES * count):
        yield candidate(source, options, seed, rng)


def paraphrase(
    observed: Sequence[Instruction],
    seed: int,
    *,
    per_instruction: int = PER_INSTRUCTION,
    answer_spaces: Mapping[str, Sequence[str]] | None = None,
) -> list[Instruction]:
    """Valid paraphrases of instructions; equal arguments give equal results.

    Args:
        observed: The instructions to paraphrase.
        seed: Seed of all random choices.
        per_instruction: How many are wanted for each instruction; fewer where fewer are valid.
        answer_spaces: Task -> canonical options, where they are the same for all inputs. They
            allow label words to be changed, and protect them in instructions that name them.

    Returns:
        Paraphrases in the order of their sources, at most `per_instruction` for each, none of them
        a near-duplicate of a source or of another paraphrase.
    """
    gate = CandidateFilter(observed)
    made: list[Instruction] = []
    for source in observed:
        options = tuple((answer_spaces or {}).get(source.task or "", ()))
        drawn = proposals(source, options, seed, per_instruction)
        made += gate.through(source, drawn, options=options, most=per_instruction)
    return made
