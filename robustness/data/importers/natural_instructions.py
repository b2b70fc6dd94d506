"""Imports the definitions of Super-NaturalInstructions, which has one JSON file per task.

Inputs are not imported; a task's examples and instances serve to infer which answers there are.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.data.importers import folders, kinds, wording
from robustness.data.importers.imported import Draft, Gathering, Imported, place
from robustness.data.importers.kinds import Answers, references
from robustness.data.importers.wording import UnreadableError
from robustness.errors import InputError
from robustness.types import TaskType

SOURCE = "natural-instructions"
EXPECTED = (
    "a Super-NaturalInstructions task: a JSON object with `Definition`, `Positive Examples`, "
    "`Negative Examples` and `Instances` (each with `input` and `output`)"
)
_MAX_ANSWERS = 26
_MAX_WORDS = 5
_MANY = 100
"""Number of outputs that is enough to tell whether the set of answers is fixed."""
_STRAY = 0.005
"""Answers with a smaller share of the outputs may be typing errors."""
_COVERED = 0.95
"""Share of the outputs that a fixed set of answers holds; the rest may be typing errors."""
_LISTED = 0.9
"""Share of the inputs that list their options, where the answers point to options."""
_ALL_THE_SAME = "--task-type qa, mc or bc takes it all the same"
_LETTERS = frozenset("ABCDEFGHIJ")
_POINTER = re.compile(r"(?:(.*\w)\s+)?[(\[]?(\d|[A-J])[)\].:]?", re.IGNORECASE)
"""A letter or a digit, perhaps behind words that all answers share: `Completion A`, `2`."""
_FULL_STOP = re.compile(r"(?<=[^\W\d_])\.$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An instance or a positive example."""

    text: str
    output: str
    """Its first output."""


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports one task file, or all task files below a folder.

    Args:
        path: A `task*.json`, or a folder of them.
        task_type: Task type of all entries; None: inferred for each.

    Raises:
        InputError: The file does not have the format.
        NotFoundError: There is no such file.
    """
    return folders.gather(SOURCE, path, ("*.json",), _read, task_type)


def _read(path: Path, gathered: Gathering) -> None:
    document = folders.json_of(path, EXPECTED)
    folded = _folded(document) if isinstance(document, dict) else {}
    if "definition" not in folded:
        raise InputError(f"{path} has no `Definition`; expected {EXPECTED}")
    found = folded["definition"]
    definitions = found if isinstance(found, list) else [found]
    if not definitions:
        gathered.leave(place(path, "Definition"), "its list is empty")
    rows = _rows(folded)
    for number, definition in enumerate(definitions, start=1):
        where = place(path, f"Definition {number}" if len(definitions) > 1 else "Definition")
        if not isinstance(definition, str):
            gathered.leave(where, f"it is no text but {type(definition).__name__}")
            continue
        try:
            worded = wording.finish(definition)
        except UnreadableError as error:
            gathered.leave(where, str(error))
            continue
        answers, untyped = _answers(rows, definition)
        labels = {} if references(answers.words) else {w: w for w in answers.words}
        draft = Draft(
            text=worded.text, answers=answers, collection=SOURCE, task=path.stem,
            label_words=labels, option_format="letters_paren" if answers.pointing else "",
            source=f"natural-instructions {path.stem}", untyped=untyped,
        )
        gathered.take(where, draft, worded.changes)


def _folded(document: Mapping[Any, Any]) -> dict[str, Any]:
    """The document with normalised keys, since versions differ in case, underscores and spaces."""
    return {str(k).casefold().replace("_", " ").strip(): v for k, v in document.items()}


def _rows(folded: Mapping[str, Any]) -> list[_Row]:
    """The instances and positive examples that have an output."""
    made = []
    for key in ("instances", "positive examples", "examples"):
        rows = folded.get(key)
        for row in rows if isinstance(rows, list) else []:
            found = row.get("output") if isinstance(row, dict) else None
            first = found[0] if isinstance(found, list) and found else found
            if isinstance(first, (str, int, float)):
                made.append(_Row(text=str(row.get("input", "")), output=str(first).strip()))
    return made


def _answers(rows: list[_Row], definition: str) -> tuple[Answers, str]:
    """What the outputs tell of the answers, and the reason if they are free text.

    The set of answers is fixed if a few short answers, each of them repeated, make up nearly all
    outputs. Such answers may point to options of the input, as letters do.
    """
    counts = Counter(row.output for row in rows)
    spelt: dict[str, str] = {}
    covered = 0
    for word, count in counts.most_common():
        if count >= len(rows) * _STRAY:
            spelt.setdefault(_bare(word).casefold(), _bare(word))
            covered += count
    words = tuple(spelt.values())
    open_reason = f"its answer is free text: {len(counts)} different outputs in {len(rows)} rows"
    if covered < _COVERED * len(rows) or any(len(w.split()) > _MAX_WORDS for w in words):
        return Answers(), f"{open_reason} are no fixed set; {_ALL_THE_SAME}"
    letters = all(w.strip("()").upper() in _LETTERS for w in words)
    repeats = 2 if len(rows) < _MANY else 3
    fixed = 2 <= len(words) <= _MAX_ANSWERS and len(rows) >= repeats * len(words)
    if words and (letters or (fixed and _pointing(words, rows))):
        # Which letters occur depends on the instances.
        return Answers(vary=True, pointing=True), kinds.FREE_TEXT
    if fixed:
        return Answers(words=words), kinds.FREE_TEXT
    # With too few instances to tell, the answers may be named in the definition.
    count = kinds.named(definition) if len(rows) < _MANY else 0
    many = f", and a fixed set has {_MAX_ANSWERS} at the most" if len(rows) >= _MANY else ""
    return Answers(count=count), f"{open_reason}{many}; {_ALL_THE_SAME}"


def _bare(word: str) -> str:
    """An answer without the full stop of a sentence; marks and numbers keep theirs."""
    return _FULL_STOP.sub("", word)


def _pointing(words: Sequence[str], rows: Sequence[_Row]) -> bool:
    """Whether the answers point to options of the input.

    Digits do, and letters or digits behind a word that all answers share (`Completion A`), if
    nearly all inputs contain them, a digit as the mark of an item: `2)`, `(2)`, `2.` or `2:`.
    """
    if references(words):
        return True
    found = [_POINTER.fullmatch(w) for w in words]
    if not all(found):
        return False
    if len({(m[1] or "").casefold() for m in found if m}) > 1:
        return False
    shapes = [re.escape(w) + (r"\s*[).:\]]" if w.isdigit() else r"(?!\w)") for w in words]
    patterns = [re.compile(rf"(?<![\w.]){shape}", re.IGNORECASE) for shape in shapes]
    listed = sum(all(p.search(row.text) for p in patterns) for row in rows)
    return listed >= _LISTED * len(rows)
