"""Reads MMLU: CSV files without a header, one per subject, or the rows of the hub's data set.

A CSV row is a question, its options and the answer's letter; subject and split are taken from the
names of files and folders. The hub's rows (JSON, JSON lines or Parquet) have the columns question,
choices (a list), answer (0 for the first choice) and subject.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robustness.data.tasks.base import Omission, Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage import cells, table_formats
from robustness.storage.table_formats import Raw
from robustness.types import Example, TaskType

REPOSITORY = "https://github.com/hendrycks/test"
MISSING = (
    f"the questions come with {REPOSITORY} (its README links the data): clone it, download the "
    "data and name the folder with the CSV files"
)
LETTERS = "ABCDEFGHIJ"
_SPLITS = {"dev": "dev", "val": "dev", "validation": "dev", "test": "test", "train": "train",
           "auxiliary_train": "train"}
_OF_HUB = {"question", "choices", "answer"}
_SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A question as it was read."""

    where: str
    subject: str
    split: str
    question: str
    options: tuple[str, ...]
    place: int | None
    """Place of the right option; None where the answer is empty."""


@dataclass(frozen=True, slots=True)
class Found:
    """A decoded file of the hub's rows."""

    file: Path
    raw: Raw


def read_mmlu(path: Path, subjects: Sequence[str] = ()) -> Task:
    """Reads the file of one subject, or a folder of subjects as one task.

    Args:
        path: A file, or a folder of them (with or without subfolders dev, val and test). Files
            whose names begin with a full stop are passed over.
        subjects: Subjects to read, e.g. `anatomy`; by default all.

    Returns:
        The task; where the files hold a single split, it is divided into a dev and a test half.

    Raises:
        InputError: A row is malformed, or a subject is missing.
        CorruptFileError: A file is not of the format of its ending.
        NotFoundError: There are no such files.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist; {MISSING}")
    files = [path] if path.is_file() else files_below(path)
    if not files:
        raise NotFoundError(f"{path} holds no CSV files; {MISSING}")
    questions: list[_Question] = []
    known: set[str] = set()
    for file in files:
        if file.suffix.lower() == ".csv":
            subject, split = _named(file)
            known.add(subject)
            if not subjects or subject in subjects:
                questions += _of_csv(file, subject, split)
        else:
            questions += _of_hub(Found(file, table_formats.read_file(file)))
    known |= {q.subject for q in questions}
    if unknown := [s for s in subjects if s not in known]:
        raise InputError(
            f"{path} has no subject {unknown[0]!r}; found: {', '.join(sorted(known))}"
        )
    chosen = [q for q in questions if not subjects or q.subject in subjects]
    return _task(chosen, path, _stray(path))


def task_of(found: Sequence[Found], path: Path) -> Task:
    """The task of decoded files of the hub's rows.

    Raises:
        InputError: A row is malformed.
    """
    return _task([q for one in found for q in _of_hub(one)], path, [])


def is_hub(raw: Raw) -> bool:
    """Whether a table has the columns of the hub's MMLU."""
    return {column.casefold() for column in raw.columns} >= _OF_HUB


def files_below(folder: Path) -> list[Path]:
    """The files of a folder that may hold questions: its CSV files, else those of the hub."""
    found = [f for f in _all_below(folder) if not f.name.startswith(".")]
    return [f for f in found if f.suffix.lower() == ".csv"] or found


def _all_below(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in _SUFFIXES and f.is_file())


def _stray(path: Path) -> list[Omission]:
    """The hidden files of a folder, such as the ._anatomy.csv that macOS adds to archives."""
    files = _all_below(path) if path.is_dir() else []
    reason = "its name begins with a full stop, as a system's own files do"
    return [
        Omission(what="file", name=str(f), reason=reason) for f in files if f.name.startswith(".")
    ]


def _task(questions: Sequence[_Question], path: Path, omissions: list[Omission]) -> Task:
    if not questions:
        raise InputError(f"{path} holds no questions; {MISSING}")
    names = sorted({q.subject for q in questions})
    task = f"mmlu_{names[0]}" if len(names) == 1 else "mmlu"
    reason = "its answer is empty, so that it has no label"
    omissions += [
        Omission(what="label", name=q.where, reason=reason) for q in questions if q.place is None
    ]
    examples = [
        Example(
            task=task, fields={"question": q.question}, options=q.options, split=q.split,
            answer=None if q.place is None else q.options[q.place],
        )
        for q in questions
    ]
    whole = len({e.split for e in examples}) == 1
    titles = ", ".join(name.replace("_", " ") for name in names)
    return Task(
        id=task,
        title=f"MMLU: {titles}" if len(names) == 1 else f"MMLU, {len(names)} subjects",
        task_type=TaskType.QA,
        description=f"Answer a multiple-choice question about {titles}.",
        fields=("question",),
        options=(),
        source="MMLU (Hendrycks et al.)",
        trained=False,
        examples=halved(examples) if whole else tuple(examples),
        omissions=tuple(omissions),
    )


def _named(file: Path) -> tuple[str, str]:
    """Subject and split from a name.

    `test/anatomy_test.csv`, `anatomy_dev.csv`, `anatomy.csv`; of the hub,
    `anatomy/test-00000-of-00001.parquet`.
    """
    splits = "|".join(_SPLITS)
    if match := re.fullmatch(rf"({splits})(-\d+-of-\d+)?", file.stem):
        return file.parent.name, _SPLITS[match[1]]
    if match := re.fullmatch(rf"(.+?)_({splits})", file.stem):
        return match[1], _SPLITS[match[2]]
    return file.stem, _SPLITS.get(file.parent.name, "test")


def _of_csv(file: Path, subject: str, split: str) -> Iterator[_Question]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not a CSV in UTF-8 ({error})") from error
    for number, row in enumerate(rows, start=1):
        folded = [cell.strip().casefold() for cell in row]
        if number == 1 and folded[0] == "question" and folded[-1] in ("answer", "label"):
            continue
        where = f"{file}, row {number}"
        if len(row) < 4:
            raise InputError(
                f"{where}: {len(row)} cells; expected question, A, B, C, D, the answer's letter"
            )
        question, *options, answer = (cell.strip() for cell in row)
        yield _Question(
            where=where, subject=subject, split=split, question=question,
            options=_distinct(options), place=_lettered(answer, len(options), where),
        )


def _lettered(answer: str, options: int, where: str) -> int | None:
    letter = LETTERS.find(answer.upper()) if len(answer) == 1 else -1
    if answer and not 0 <= letter < options:
        raise InputError(
            f"{where}: the answer is {answer!r}; expected a letter from A to {LETTERS[options - 1]}"
        )
    return letter if answer else None


def _of_hub(found: Found) -> Iterator[_Question]:
    if not is_hub(found.raw):
        raise InputError(
            f"{found.file} has the columns {', '.join(found.raw.columns) or '(none)'}; expected "
            "question, choices and answer"
        )
    by_file, split = _named(found.file)
    for number, row in enumerate(found.raw.rows):
        where = f"{found.file}, row {number + 1}"
        if number in found.raw.errors:
            raise InputError(f"{where}: {found.raw.errors[number]}")
        folded = {name.casefold(): value for name, value in row.items()}
        choices = folded.get("choices")
        listed = list(choices) if isinstance(choices, (list, tuple, np.ndarray)) else []
        options = [cells.text_of(c).strip() for c in listed]
        if not 2 <= len(options) <= len(LETTERS):
            raise InputError(
                f"{where}: choices must be a list of 2 to {len(LETTERS)} texts; found {choices!r}"
            )
        subject = folded.get("subject")
        yield _Question(
            where=where, subject=subject if isinstance(subject, str) and subject else by_file,
            split=split, question=cells.text_of(folded.get("question")).strip(),
            options=_distinct(options), place=_numbered(folded.get("answer"), len(options), where),
        )


def _numbered(answer: Any, options: int, where: str) -> int | None:
    text = "" if cells.absent(answer) else cells.text_of(answer).strip()
    if text and not text.isdecimal():
        return _lettered(text, options, where)
    if text and int(text) >= options:
        raise InputError(f"{where}: the answer is {text}; expected 0 to {options - 1}")
    return int(text) if text else None


def _distinct(options: Sequence[str]) -> tuple[str, ...]:
    """The options made distinct: an empty one is its letter, one that occurs twice has it added."""
    return tuple(
        f"{text} ({LETTERS[i]})".strip() if options.count(text) > 1 or not text else text
        for i, text in enumerate(options)
    )
