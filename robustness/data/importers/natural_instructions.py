"""Imports the definitions of Super-NaturalInstructions, which has one JSON file per task.

Inputs are not imported; a task's examples and instances serve to infer which answers there are.
"""

from collections import Counter
from collections.abc import Mapping
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
"""Answers with a smaller share of the outputs are taken for typing errors."""
_LETTERS = frozenset("ABCDEFGHIJ")


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
    outputs = _outputs(folded)
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
        answers = _answers(outputs, definition)
        labels = {} if references(answers.words) else {w: w for w in answers.words}
        draft = Draft(
            text=worded.text, answers=answers, collection=SOURCE, task=path.stem,
            label_words=labels, option_format="letters_paren" if answers.vary else "",
            source=f"natural-instructions {path.stem}",
        )
        gathered.take(where, draft, worded.changes)


def _folded(document: Mapping[Any, Any]) -> dict[str, Any]:
    """The document with normalised keys, since versions differ in case, underscores and spaces."""
    return {str(k).casefold().replace("_", " ").strip(): v for k, v in document.items()}


def _outputs(folded: Mapping[str, Any]) -> list[str]:
    """The first output of each instance and each positive example."""
    outputs = []
    for key in ("instances", "positive examples", "examples"):
        rows = folded.get(key)
        for row in rows if isinstance(rows, list) else []:
            found = row.get("output") if isinstance(row, dict) else None
            first = found[0] if isinstance(found, list) and found else found
            if isinstance(first, (str, int, float)):
                outputs.append(str(first).strip())
    return outputs


def _answers(outputs: list[str], definition: str) -> Answers:
    """What the outputs tell of the answers: a fixed set if they are few, short and repeated."""
    counts = Counter(outputs)
    spelt: dict[str, str] = {}
    for word, count in counts.most_common():
        if count >= len(outputs) * _STRAY:
            spelt.setdefault(word.casefold().strip(" ."), word.strip(" ."))
    words = tuple(spelt.values())
    if not words or any(len(w.split()) > _MAX_WORDS for w in words):
        return Answers()
    if all(w.strip("()").upper() in _LETTERS for w in words):
        # Letters refer to options of the input; which letters occur depends on the instances.
        return Answers(vary=True)
    repeats = 2 if len(outputs) < _MANY else 3
    if 2 <= len(words) <= _MAX_ANSWERS and len(outputs) >= repeats * len(words):
        return Answers(words=words)
    # With too few instances to tell, the answers may be named in the definition.
    return Answers(count=kinds.named(definition) if len(outputs) < _MANY else 0)
