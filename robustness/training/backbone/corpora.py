"""Reads the real text of the training data with NLTK: six labelled tasks, and running text.

The corpora do not ship with the project; they are read from a given folder or from where
`nltk.download` puts them.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import nltk
from nltk.corpus import (
    abc,
    brown,
    nps_chat,
    pros_cons,
    qc,
    sentence_polarity,
    subjectivity,
    udhr2,
    webtext,
)

from robustness.errors import NotFoundError
from robustness.types import Example

CORPORA = (
    "sentence_polarity",
    "subjectivity",
    "qc",
    "nps_chat",
    "pros_cons",
    "udhr2",
    "brown",
    "abc",
    "webtext",
)
SOURCES = {
    "polarity": "sentence_polarity",
    "subjectivity": "subjectivity",
    "pros_cons": "pros_cons",
    "question_type": "qc",
    "dialogue_act": "nps_chat",
    "language": "udhr2",
}
"""Task -> its corpus."""
LICENCES = {
    "sentence_polarity": "CC BY 4.0",
    "subjectivity": "CC BY 4.0",
    "pros_cons": "CC BY 4.0",
    "nps_chat": "non-commercial education and research",
    "brown": "redistribution permitted",
    "qc": "none stated",
    "udhr2": "none stated",
    "abc": "none stated",
    "webtext": "none stated",
}
"""Licences as stated in each corpus's README."""
OPTIONS: dict[str, tuple[str, ...]] = {
    "polarity": ("positive", "negative"),
    "subjectivity": ("opinion", "fact"),
    "pros_cons": ("pro", "con"),
    "question_type": ("abbreviation", "description", "entity", "person", "place", "number"),
    "dialogue_act": ("greeting", "farewell", "question", "statement", "emotion"),
    "language": ("english", "german", "french", "spanish", "italian", "dutch"),
}
_QUESTION = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "person",
    "LOC": "place",
    "NUM": "number",
}
_ACT = {
    "Greet": "greeting",
    "Bye": "farewell",
    "whQuestion": "question",
    "ynQuestion": "question",
    "Statement": "statement",
    "Emotion": "emotion",
}
_LANGUAGE = {
    "eng.txt": "english",
    "deu.txt": "german",
    "fra.txt": "french",
    "spa.txt": "spanish",
    "ita.txt": "italian",
    "nld.txt": "dutch",
}


def use(folder: Path | None) -> None:
    """Makes NLTK search a folder first, and checks that all corpora are there.

    Args:
        folder: Folder with NLTK's `corpora`; None: NLTK's own search path.

    Raises:
        NotFoundError: A corpus is missing; the message says how to get it.
    """
    if folder is not None:
        nltk.data.path.insert(0, str(folder))
    for name in CORPORA:
        try:
            nltk.data.find(f"corpora/{name}.zip")
        except LookupError:
            raise NotFoundError(
                f"the NLTK corpus {name!r} is missing; get all of them with: "
                f"python -m nltk.downloader {' '.join(CORPORA)}"
            ) from None


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def split_of(group: str) -> str:
    """Split of a group of near-duplicates, by its hash: 8 in 10 train, 1 dev, 1 test."""
    bucket = hashlib.sha256(group.encode()).digest()[0] % 10
    return "dev" if bucket == 0 else "test" if bucket == 1 else "train"


def _example(task: str, text: str, answer: str, split: str) -> Example:
    return Example(
        task=task, fields={"text": text}, options=OPTIONS[task], answer=answer, split=split
    )


def _near_duplicates(rows: Iterable[tuple[str, str, str]]) -> list[Example]:
    """Examples from (task, text, answer); texts with the same first 40 letters share a split."""
    seen: set[tuple[str, str]] = set()
    examples = []
    for task, text, answer in rows:
        key = _key(text)
        if len(key) < 4 or (task, key) in seen:
            continue
        seen.add((task, key))
        examples.append(_example(task, text, answer, split_of(key[:40])))
    return examples


def _reviews() -> Iterable[tuple[str, str, str]]:
    for label, answer in (("pos", "positive"), ("neg", "negative")):
        for words in sentence_polarity.sents(categories=label):
            yield "polarity", " ".join(words), answer
    for label, answer in (("subj", "opinion"), ("obj", "fact")):
        for words in subjectivity.sents(categories=label):
            yield "subjectivity", " ".join(words), answer
    for label, answer in (("Pros", "pro"), ("Cons", "con")):
        for words in pros_cons.sents(categories=label):
            yield "pros_cons", " ".join(words), answer


def _questions() -> list[Example]:
    test = {_key(text) for _, text in qc.tuples("test.txt")}
    rows = []
    for file in ("train.txt", "test.txt"):
        for label, text in qc.tuples(file):
            key = _key(text)
            if file == "train.txt" and key in test:
                continue
            split = (
                "test"
                if file == "test.txt"
                else ("dev" if split_of(key[:40]) == "dev" else "train")
            )
            rows.append(_example("question_type", text, _QUESTION[label.split(":")[0]], split))
    return rows


def _chat() -> list[Example]:
    rows, seen = [], set()
    for number, file in enumerate(nps_chat.fileids()):
        split = "dev" if number % 8 == 3 else "test" if number % 8 == 6 else "train"
        for post in nps_chat.xml_posts(file):
            text = re.sub(r"\b\d\d-\d\d-\w+User(\d+)\b", r"user\1", post.text or "").strip()
            answer = _ACT.get(post.get("class"))
            if answer and text and text not in seen:
                seen.add(text)
                rows.append(_example("dialogue_act", text, answer, split))
    return rows


def _languages() -> list[Example]:
    rows = []
    for file, answer in _LANGUAGE.items():
        lines = [line.strip() for line in udhr2.raw(file).splitlines() if len(line.split()) >= 6]
        for number, line in enumerate(lines):
            # Translations of the same article go to the same split.
            split = "dev" if number % 10 == 4 else "test" if number % 10 == 8 else "train"
            words = line.split()
            for size in (6, 9, 13):
                for start in range(
                    0, max(1, len(words) - size + 1), 3 if split == "train" else size
                ):
                    rows.append(
                        _example("language", " ".join(words[start : start + size]), answer, split)
                    )
    return rows


def labelled() -> list[Example]:
    """The examples of the six real-text tasks, with their splits."""
    return [*_near_duplicates(_reviews()), *_questions(), *_chat(), *_languages()]


def running(limit_words: int) -> list[str]:
    """Running text as sentences, for the tokenizer, the initial embeddings and the LM loss.

    Args:
        limit_words: Number of words after which it ends.
    """
    sentences: list[str] = []
    words = 0
    for corpus in (brown, webtext, abc):
        for sentence in corpus.sents():
            sentences.append(" ".join(sentence))
            words += len(sentence)
            if words >= limit_words:
                return sentences
    return sentences
