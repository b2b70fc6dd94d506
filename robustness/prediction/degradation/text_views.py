"""Similarities of instructions by their texts, one for each view.

The views are TF-IDF of characters, of words, of the first and of the last words, a Gaussian kernel
on format features, and, where a sentence encoder is given, one on sentence embeddings.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist, pdist
from sklearn.feature_extraction.text import TfidfVectorizer

from robustness.models.sentence_encoder import Embed

Floats = npt.NDArray[np.float64]
_TOKENS = r"\w+|[^\w\s]"
_WORDS = rf"{_TOKENS}|\n"
_EDGE = 4
"""Number of words at the beginning and at the end that form a view."""


def _edges(texts: Sequence[str], cut: slice) -> list[str]:
    return [
        " ".join("NEWLINE" if w == "\n" else w for w in re.findall(_WORDS, t)[cut]) for t in texts
    ]


def format_features(texts: Sequence[str]) -> Floats:
    """(N, 15) format features: lengths, lines, positions of placeholders, punctuation, cues."""
    rows = []
    for text in texts:
        length, body = max(1, len(text)), text.rstrip()
        at = [m.start() / length for m in re.finditer(r"\{", text)]
        rows.append(
            [
                np.log1p(len(text)),
                np.log1p(len(text.split())),
                text.count("\n"),
                at[0] if at else -1.0,
                at[-1] if at else -1.0,
                len(at),
                body.endswith(":"),
                body.endswith("?"),
                body.endswith("."),
                body.endswith("}"),
                "?" in text,
                text.count('"'),
                text.count(","),
                text.startswith("Q:"),
                "A:" in text,
            ]
        )
    return np.array(rows, dtype=np.float64)


class Views:
    """The views of instructions: similarities in [0, 1], fitted to the measured instructions."""

    def __init__(self, texts: Sequence[str], embed: Embed | None = None) -> None:
        """Fits vocabularies and scales.

        Args:
            texts: The measured instructions.
            embed: A sentence encoder, which adds one view.
        """
        self._embed = embed
        if embed is not None:
            apart = pdist(embed(texts))
            self._width = float(np.median(apart)) if len(apart) and np.median(apart) > 0 else 1.0
        self._texts = [
            (
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
                slice(None),
            ),
            (
                TfidfVectorizer(ngram_range=(1, 2), token_pattern=_TOKENS, sublinear_tf=True),
                slice(None),
            ),
            (TfidfVectorizer(token_pattern=_TOKENS), slice(None, _EDGE)),
            (TfidfVectorizer(token_pattern=_TOKENS), slice(-_EDGE, None)),
        ]
        for vectorizer, cut in self._texts:
            vectorizer.fit([*self._cut(texts, cut), "NEWLINE"])
        looks = format_features(texts)
        self._centre, scale = looks.mean(0), looks.std(0)
        self._scale = np.where(scale > 0, scale, 1.0)

    @staticmethod
    def _cut(texts: Sequence[str], cut: slice) -> list[str]:
        return list(texts) if cut == slice(None) else _edges(texts, cut)

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> Floats:
        """(V, L, R) similarities of L and R texts, one matrix per view; character TF-IDF first."""
        views = []
        for vectorizer, cut in self._texts:
            a = vectorizer.transform(self._cut(left, cut))
            b = vectorizer.transform(self._cut(right, cut))
            views.append((a @ b.T).toarray())
        a, b = (
            np.clip((format_features(t) - self._centre) / self._scale, -4, 4) for t in (left, right)
        )
        squared = ((a[:, None, :] - b[None, :, :]) ** 2).mean(-1)
        views.append(np.exp(-squared / 2))
        if self._embed is not None:
            apart = cdist(self._embed(left), self._embed(right)) / self._width
            views.append(np.exp(-(apart**2) / 2))
        return np.array(views)
