"""Imports Alpaca and self-instruct files: `alpaca_data.json` and `seed_tasks.jsonl`.

Only the instructions are imported; their inputs and outputs serve to infer the task type.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from robustness.data.importers import folders, kinds, wording
from robustness.data.importers.imported import Draft, Gathering, Imported, place
from robustness.data.importers.kinds import Answers
from robustness.data.importers.wording import UnreadableError
from robustness.errors import InputError
from robustness.storage.files import parse_json
from robustness.types import TaskType

SOURCE = "alpaca"
EXPECTED = (
    "a JSON list, or one JSON object a line, with `instruction`, `input` and `output` "
    "(alpaca_data.json), or `instruction` and `instances` (seed_tasks.jsonl)"
)
_LABEL_WORDS = 4
"""Most words of an output that can be a label."""
_LISTED = re.compile(
    r"(?:^|[\s(])\(?[Aa][).:][\s\S]{1,300}?[\s(]\(?[Bb][).:]|(?:^|\s)1[).:][\s\S]{1,300}?\s2[).:]"
)
_PICKS = re.compile(
    r"\b(?:multiple[- ]choice|(?:select|choose|pick) (?:the |one |an |a )?"
    r"(?:correct |right |best )?(?:option|answer|choice|alternative)|A, B, C|"
    r"option (?:letter|number)|passage index)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\(?[a-h]\)?(?:[.:)]\s*.*)?|\d(?:[.:)]\s*.*)?")
_YES_NO = frozenset({"yes", "no", "true", "false"})


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports a JSON or JSON-lines file, or all such files below a folder.

    Args:
        path: `alpaca_data.json`, `seed_tasks.jsonl`, or a folder with such files.
        task_type: Task type of all entries; None: inferred for each.

    Raises:
        InputError: The file does not have the format.
        NotFoundError: There is no such file.
    """
    return folders.gather(SOURCE, path, ("*.json", "*.jsonl"), _read, task_type)


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, entry) pairs; for a line that is not JSON the entry is the reason as a text."""
    text = folders.text_of(path)
    if text.lstrip().startswith("["):
        for number, row in enumerate(folders.json_of(path, EXPECTED), start=1):
            yield f"entry {number}", row
        return
    try:
        document = parse_json(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and "instruction" not in document:
        lists = [item for item in document.values() if isinstance(item, list)]
        for number, row in enumerate(lists[0] if lists else [], start=1):
            yield f"entry {number}", row
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", parse_json(line)
            except ValueError as error:
                yield f"line {number}", f"the line is not JSON: {error}"


def _read(path: Path, gathered: Gathering) -> None:
    rows = list(_rows(path))
    if not any(isinstance(row, dict) and "instruction" in row for _, row in rows):
        raise InputError(f"{path} has no entry with `instruction`; expected {EXPECTED}")
    for name, row in rows:
        where = place(path, name)
        if isinstance(row, str):
            gathered.leave(where, row)
        elif not isinstance(row, dict):
            gathered.leave(where, f"it is no JSON object but {type(row).__name__}")
        elif not isinstance(row.get("instruction"), str):
            gathered.leave(where, "it has no `instruction` text")
        else:
            try:
                _take(where, row, gathered)
            except UnreadableError as error:
                gathered.leave(where, str(error))


def _instances(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(input, output) pairs of an entry; the input is empty where there is none."""
    found = row.get("instances", [row])
    if not isinstance(found, list):
        raise UnreadableError("its `instances` are no list")
    pairs = []
    for instance in found:
        if not isinstance(instance, dict):
            raise UnreadableError("one of its `instances` is no JSON object")
        given = str(instance.get("input") or "").strip()
        # self-instruct writes <noinput> where there is none.
        absent = given.casefold().strip("<>. ") in ("noinput", "no input", "")
        pairs.append(("" if absent else given, str(instance.get("output") or "").strip()))
    return pairs


def _answers(row: Mapping[str, Any], pairs: list[tuple[str, str]]) -> Answers:
    """What is known of the answers from the instruction and from its inputs and outputs."""
    text = row["instruction"]
    outputs = [output.strip(" .\n").casefold() for _, output in pairs if output]
    short = bool(outputs) and all(len(o.split()) <= _LABEL_WORDS for o in outputs)
    labelled = row.get("is_classification")
    letter = bool(outputs) and all(_LETTER.fullmatch(o) for o in outputs)
    # The options may be listed in the instruction, in the input, or across both.
    listed = any(_LISTED.search(f"{text}\n{given}") for given, _ in pairs)
    if _PICKS.search(text) or (letter and listed):
        return Answers(
            words=("A", "B") if letter and not outputs[0][0].isdigit() else (), vary=True
        )
    if labelled is False or (labelled is None and not short):
        return Answers()
    yes_no = bool(outputs) and set(outputs) <= _YES_NO
    if count := (kinds.named(text) or (2 if yes_no else 0)):
        return Answers(count=count if labelled or yes_no or kinds.classifies(text) else 0)
    distinct = tuple(dict.fromkeys(outputs))
    if labelled and len(distinct) > 1 and short:
        return Answers(words=distinct)
    # It asks for a class without saying how many there are: taken as more than two.
    many = labelled or re.search(r"\b(?:classif|categori[sz])", text, re.IGNORECASE)
    return Answers(count=3 if many else 0)


def _take(where: str, row: Mapping[str, Any], gathered: Gathering) -> None:
    pairs = _instances(row)
    answers = _answers(row, pairs)
    closed = kinds.infer(answers) is not None
    if closed and not gathered.forced and not any(given for given, _ in pairs):
        raise UnreadableError("it has no input apart: what it asks about stands in its own text")
    worded = wording.finish(row["instruction"])
    name = str(row.get("name") or row.get("id") or "").strip()
    draft = Draft(
        text=worded.text, answers=answers, collection=SOURCE, source=f"alpaca {name}".strip(),
        option_format=("letters_paren" if answers.words else "dashes") if answers.vary else "",
    )
    gathered.take(where, draft, worded.changes)
