"""Compares the wording of an instruction with known instructions, by characters and words.

Only the wording counts: placeholders and lines that label an input are left out first, since a
layout fits any instruction. Does not judge; see `support.py`.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
from scipy import sparse

from robustness.index import representations

Floats = npt.NDArray[np.float64]
FOREIGN = "*"
"""The owner of texts that are instructions of no task."""
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]+")
_ENDINGS = ("ings", "ing", "ied", "ies", "ed", "es", "ers", "er", "s", "ly")
_SIZES = (3, 4)
_UNSEEN = 1e-4
"""Probability of a character that does not occur in any known wording."""
NAMES = (
    "similarity to the task's wordings", "the same less that to other tasks'",
    "the same less that to foreign texts", "share of the task's words", "share of unknown words",
    "unknown words", "the task's words", "probability of the characters", "length",
)
"""What `Wordings.features` gives, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A known wording."""

    text: str
    """As `wording` gives it."""
    task: str
    """Id of its task, or `FOREIGN`."""
    id: str


def wording(text: str) -> str:
    """The text of an instruction without its placeholders, the labels of inputs and the cue."""
    return representations.bare(text)


def words(text: str) -> list[str]:
    """The words, numbers and runs of marks of a text, in lower case."""
    return _WORD.findall(text.lower())


def _stem(word: str) -> str:
    """A word without common endings, so that its inflections count as one word."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word.rstrip("yie") if len(word) > 3 else word


def _counts(word: str) -> bool:
    """Whether a word counts: letters and digits do, and runs of three marks or more."""
    return word[0].isalnum() or len(word) > 2


def _grams(text: str) -> Counter[str]:
    """Character n-grams of a text's words, with the words' ends marked."""
    made: Counter[str] = Counter()
    for word in words(text):
        padded = f" {word} "
        for size in _SIZES:
            made.update(padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
    return made


class Wordings:
    """Known wordings, with those of each task, of other tasks and of none."""

    def __init__(self, known: Sequence[Known], options: Mapping[str, Collection[str]]) -> None:
        """Counts the known wordings' characters and words.

        Args:
            known: The wordings.
            options: Task -> texts that belong to it besides: its options, fields and description.
        """
        self._known = tuple(known)
        counts = [_grams(k.text) for k in known]
        having = Counter(chain.from_iterable(counts))
        self._columns = {gram: n for n, gram in enumerate(having)}
        self._weights = np.array([math.log((1 + len(known)) / n) for n in having.values()])
        self._matrix = sparse.vstack([self._row(c) for c in counts]).tocsr()
        self._owner = np.array([k.task for k in known])
        self._ids = np.array([k.id for k in known])
        self._stems = [frozenset(map(_stem, words(k.text))) for k in known]
        self._having: dict[str, Counter[str]] = {}
        for k, stems in zip(known, self._stems, strict=True):
            self._having.setdefault(k.task, Counter()).update(stems)
        self._counts = sum(self._having.values(), Counter[str]())
        self._everywhere: Counter[str] = Counter()
        for task, counted in self._having.items():
            if task != FOREIGN:
                self._everywhere.update(counted)
        self._options = {
            task: frozenset(_stem(w) for text in texts for w in words(text))
            for task, texts in options.items()
        }
        self._named = frozenset(chain.from_iterable(self._options.values()))
        self._pairs = [Counter(_pairs(k.text)) for k in known]
        self._all_pairs: Counter[str] = Counter()
        for k, pairs in zip(known, self._pairs, strict=True):
            if k.task != FOREIGN:
                self._all_pairs.update(pairs)
        self._starts = _starts(self._all_pairs)

    def _row(self, grams: Mapping[str, int]) -> sparse.csr_matrix:
        """(1, G) weights of n-grams, of length 1; unknown n-grams count for the length alone."""
        known = {self._columns[g]: n for g, n in grams.items() if g in self._columns}
        columns = sorted(known)
        values = np.array([known[c] * self._weights[c] for c in columns])
        rare = math.log(1 + len(self._known))
        unknown = sum((n * rare) ** 2 for g, n in grams.items() if g not in self._columns)
        length = math.sqrt(float(values @ values) + unknown) or 1.0
        made = sparse.csr_matrix(
            (values / length, (np.zeros(len(columns), dtype=int), columns)),
            shape=(1, len(self._columns)),
        )
        return made

    def features(self, text: str, task: str | None, without: Collection[str] = ()) -> Floats:
        """The features of one wording, (9,): see `NAMES`.

        Args:
            text: The wording, as `wording` gives it.
            task: The task that it is for; None: any.
            without: Ids of known wordings that are not compared with.
        """
        alike = np.asarray((self._matrix @ self._row(_grams(text)).T).todense()).ravel()
        kept = ~np.isin(self._ids, list(without))
        foreign = kept & (self._owner == FOREIGN)
        valid = kept & (self._owner != FOREIGN)
        own = valid if task is None else valid & (self._owner == task)
        best, other, none = (
            float(alike[rows].max(initial=0.0)) for rows in (own, valid & ~own, foreign)
        )
        everywhere = self._everywhere
        home = everywhere if task is None else self._having.get(task, Counter())
        gone = [int(n) for n in np.flatnonzero(~kept) if self._owner[n] != FOREIGN]
        if gone:
            everywhere = everywhere - Counter(chain.from_iterable(self._stems[n] for n in gone))
            home = everywhere if task is None else home - Counter(
                chain.from_iterable(self._stems[n] for n in gone if self._owner[n] == task)
            )
        named = self._named if task is None else self._options.get(task, frozenset())
        weighed = [(w, self._rarity(w)) for w in map(_stem, filter(_counts, words(text)))]
        # A typical word is added, so that a text of few words says little either way.
        total = sum(weight for _, weight in weighed) + 3.0
        shared = sum(weight for w, weight in weighed if w in home or w in named)
        strange = sum(
            weight for w, weight in weighed if w not in everywhere and w not in named
        )
        return np.array([
            best, best - other if task is not None else 0.0, best - none,
            shared / total, strange / total, math.log1p(strange), math.log1p(shared),
            self._likelihood(text, gone), math.log1p(len(weighed)),
        ])

    def _rarity(self, stem: str) -> float:
        """log((1 + N) / (1 + number of known wordings with a word))."""
        return math.log((1 + len(self._known)) / (1 + self._counts[stem]))

    def _likelihood(self, text: str, gone: Sequence[int]) -> float:
        """Mean log-probability of each character, given the two before it."""
        pairs = _pairs(text)
        less: Counter[str] = Counter()
        for n in gone:
            less.update(self._pairs[n])
        before = _starts(less)
        found = [
            (self._all_pairs[p] - less[p] + 26 * _UNSEEN)
            / (self._starts[p[:2]] - before[p[:2]] + 1.0)
            for p in pairs
        ]
        return float(np.mean(np.log(found))) if found else 0.0


def _pairs(text: str) -> list[str]:
    """Each character of a text with the two before it."""
    folded = f"  {' '.join(filter(_counts, words(text)))} "
    return [folded[i : i + 3] for i in range(len(folded) - 2)] if folded.strip() else []


def _starts(pairs: Mapping[str, int]) -> Counter[str]:
    """How often each two characters begin a triple."""
    made: Counter[str] = Counter()
    for pair, n in pairs.items():
        made[pair[:2]] += n
    return made
