"""Changes a text's characters, words and lines by rule, and leaves its kept parts as they are.

A kept part is a span that a pattern matches: a placeholder, a quotation, a label word. Every
function takes a `Marked` text and a random generator, and returns the changed text; a text on which
the rule has nothing to change is returned as it is.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robustness.data import prompts

SHARE = 0.25
"""Share of a text's longer words that get a typo, are split or are joined; at least one."""
LONG = 4
"""Least letters of a word that gets a typo or is split."""
STOP_WORDS = frozenset((
    "a", "an", "the", "this", "that", "these", "those", "is", "are", "was", "were", "be", "been",
    "being", "am", "do", "does", "did", "have", "has", "had", "of", "to", "it", "its", "i", "me",
    "my", "we", "us", "our", "you", "your", "he", "him", "his", "she", "her", "they", "them",
    "their",
))
"""Words that are dropped: articles, pronouns, auxiliaries, 'of' and 'to'. Question words,
negations, quantifiers, conjunctions and other prepositions carry meaning and stay."""
KEYS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa",
    "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu",
    "z": "x",
}
"""Neighbouring keys of a QWERTY keyboard."""

_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_QUOTED = r"\"[^\"\n]*\"|“[^”\n]*”"
_SENTENCE_END = re.compile(r"(?<=\w)([.?!])(?=\s|$)")
_MARK = re.compile(r"(?<=\w)[.,;:?!](?=\s|$)")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with the spans that no rule changes."""

    text: str
    kept: tuple[tuple[int, int], ...]

    def free(self, start: int, end: int) -> bool:
        """Whether a span touches no kept part."""
        return all(end <= a or start >= b for a, b in self.kept)

    def pieces(self) -> list[tuple[str, bool]]:
        """The text in pieces: (piece, whether it may be changed)."""
        found, at = [], 0
        for start, end in self.kept:
            found += [(self.text[at:start], True), (self.text[start:end], False)]
            at = end
        return [*found, (self.text[at:], True)]


def marked(text: str, words: Sequence[str] = ()) -> Marked:
    """Marks placeholders, quotations and label words as kept.

    Args:
        text: An instruction's text.
        words: The label words and options that the text may name.
    """
    # Longer words first: 'not sure' must not be taken for 'not'.
    named = [rf"(?<!\w){re.escape(w)}(?!\w)" for w in sorted(words, key=len, reverse=True) if w]
    kept = re.compile("|".join([_QUOTED, prompts.PLACEHOLDER, *named]), re.IGNORECASE)
    return Marked(text, tuple(m.span() for m in kept.finditer(text)))


Change = Callable[[Marked, random.Random], str]


def everywhere(change: Callable[[str], str]) -> Change:
    """A rule that changes all free pieces of a text."""

    def apply(given: Marked, rng: random.Random) -> str:
        return "".join(change(piece) if free else piece for piece, free in given.pieces())

    return apply


def some_words(
    change: Callable[[str, random.Random], str], *, least: int = LONG, share: float = SHARE
) -> Change:
    """A rule that changes a share of the free words of at least so many letters."""

    def apply(given: Marked, rng: random.Random) -> str:
        words = [
            m for m in _WORD.finditer(given.text) if len(m[0]) >= least and given.free(*m.span())
        ]
        drawn = rng.sample(words, max(1, round(share * len(words)))) if words else []
        text = given.text
        for match in sorted(drawn, key=lambda m: -m.start()):
            text = text[: match.start()] + change(match[0], rng) + text[match.end() :]
        return text

    return apply


def swapped(word: str, rng: random.Random) -> str:
    """Two adjacent different letters behind the first change places."""
    places = [n for n in range(1, len(word) - 1) if word[n] != word[n + 1]]
    if not places:
        return dropped(word, rng)
    n = rng.choice(places)
    return word[:n] + word[n + 1] + word[n] + word[n + 2 :]


def dropped(word: str, rng: random.Random) -> str:
    """One letter behind the first is missing."""
    n = rng.randrange(1, len(word))
    return word[:n] + word[n + 1 :]


def doubled(word: str, rng: random.Random) -> str:
    """One letter behind the first is typed twice."""
    n = rng.randrange(1, len(word))
    return word[:n] + word[n] + word[n:]


def mistyped(word: str, rng: random.Random) -> str:
    """One letter behind the first is that of a neighbouring key."""
    n = rng.choice([k for k in range(1, len(word)) if word[k].lower() in KEYS])
    other = rng.choice(KEYS[word[n].lower()])
    return word[:n] + (other.upper() if word[n].isupper() else other) + word[n + 1 :]


def split(word: str, rng: random.Random) -> str:
    """A space stands inside the word."""
    n = rng.randrange(2, len(word) - 1)
    return f"{word[:n]} {word[n:]}"


def joined(given: Marked, rng: random.Random) -> str:
    """A share of the spaces between two free words is missing."""
    gaps = [
        m for m in re.finditer(r"(?<=[A-Za-z]) (?=[A-Za-z])", given.text)
        if given.free(m.start() - 1, m.end() + 1)
    ]
    drawn = {m.start() for m in rng.sample(gaps, max(1, round(SHARE * len(gaps))))} if gaps else ()
    return "".join(letter for n, letter in enumerate(given.text) if n not in drawn)


def titled(piece: str) -> str:
    """Every word begins with a capital."""
    return _WORD.sub(lambda m: m[0][0].upper() + m[0][1:], piece)


def wide(piece: str) -> str:
    """Every space between words is doubled."""
    return re.sub(r"(?<=\S) (?=\S)", "  ", piece)


def one_line(piece: str) -> str:
    """Line breaks are spaces."""
    return re.sub(r"\s*\n\s*", " ", piece)


def apart(piece: str) -> str:
    """Every line is followed by one more empty line."""
    return piece.replace("\n", "\n\n")


def unpunctuated(piece: str) -> str:
    """Marks behind a word are missing."""
    return _MARK.sub("", piece)


def spaced_marks(piece: str) -> str:
    """A space stands in front of every mark behind a word."""
    return _MARK.sub(lambda m: f" {m[0]}", piece)


def repeated_marks(piece: str) -> str:
    """The mark that ends a sentence stands three times."""
    return _SENTENCE_END.sub(lambda m: m[1] * 3, piece)


def without_stop_words(given: Marked, rng: random.Random) -> str:
    """All stop words that are not kept are missing; see `STOP_WORDS`."""
    text = given.text
    for match in reversed(list(_WORD.finditer(text))):
        if match[0].lower() in STOP_WORDS and given.free(*match.span()):
            before, after = text[: match.start()], text[match.end() :]
            # The space behind a word goes with it; where there is none, the one in front.
            text = before + after[1:] if after[:1] == " " else before.rstrip(" ") + after
    return text


def in_front(frames: Sequence[str]) -> Change:
    """A rule that puts one of several texts on a line in front."""

    def apply(given: Marked, rng: random.Random) -> str:
        return f"{rng.choice(list(frames))}\n{given.text}"

    return apply


def padded(given: Marked, rng: random.Random) -> str:
    """A line of repeated marks stands above the text, and below it before what ends it as a cue."""
    line = rng.choice("*#=~-") * rng.choice((5, 10, 20))
    head, gap, cue = given.text.rstrip().rpartition("\n")
    if not gap or prompts.placeholders(cue):
        return f"{line}\n{given.text}"
    return f"{line}\n{head.rstrip()}\n{line}\n{cue}"
