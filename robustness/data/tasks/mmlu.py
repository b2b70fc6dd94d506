"""Reads MMLU: CSV files without a header, one per subject (question, options, answer's letter).

Subject and split are taken from the names of files and folders.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from robustness.data.tasks.base import Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.types import Example, TaskType

REPOSITORY = "https://github.com/hendrycks/test"
MISSING = (
    f"the questions come with {REPOSITORY} (its README links the data): clone it, download the "
    "data and name the folder with the CSV files"
)
LETTERS = "ABCDEFGHIJ"
_SPLITS = {"dev": "dev", "val": "dev", "validation": "dev", "test": "test", "train": "train",
           "auxiliary_train": "train"}


def read_mmlu(path: Path, subjects: Sequence[str] = ()) -> Task:
    """Reads the file of one subject, or a folder of subjects as one task.

    Args:
        path: A CSV file, or a folder of them (with or without subfolders dev, val and test).
        subjects: Subjects to read, e.g. `anatomy`; by default all.

    Returns:
        The task; where the files hold a single split, it is divided into a dev and a test half.

    Raises:
        InputError: A row is malformed, or a subject is missing.
        NotFoundError: There are no such files.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist; {MISSING}")
    files = [path] if path.is_file() else sorted(path.rglob("*.csv"))
    found = {_subject(file)[0] for file in files}
    if unknown := [s for s in subjects if s not in found]:
        raise InputError(
            f"{path} has no subject {unknown[0]!r}; found: {', '.join(sorted(found)) or 'none'}"
        )
    files = [file for file in files if not subjects or _subject(file)[0] in subjects]
    if not files:
        raise NotFoundError(f"{path} holds no CSV files; {MISSING}")
    names = sorted({_subject(file)[0] for file in files})
    task = f"mmlu_{names[0]}" if len(names) == 1 else "mmlu"
    examples = [example for file in files for example in _rows(file, task)]
    if not examples:
        raise InputError(f"{path} holds no questions; {MISSING}")
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
    )


def _subject(file: Path) -> tuple[str, str]:
    """Subject and split from a name: `test/anatomy_test.csv`, `anatomy_dev.csv`, `anatomy.csv`."""
    match = re.fullmatch(r"(.+?)_(dev|val|validation|test|train)", file.stem)
    if match:
        return match[1], _SPLITS[match[2]]
    return file.stem, _SPLITS.get(file.parent.name, "test")


def _rows(file: Path, task: str) -> list[Example]:
    split = _subject(file)[1]
    made = []
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
        letter = LETTERS.find(answer.upper()) if len(answer) == 1 else -1
        if not 0 <= letter < len(options):
            raise InputError(
                f"{where}: the answer is {answer!r}; expected a letter from A to "
                f"{LETTERS[len(options) - 1]}"
            )
        made.append(
            Example(
                task=task, fields={"question": question}, options=_distinct(options),
                answer=_distinct(options)[letter], split=split,
            )
        )
    return made


def _distinct(options: Sequence[str]) -> tuple[str, ...]:
    """The options made distinct: where two have the same text, their letter is added to it."""
    return tuple(
        f"{text} ({LETTERS[i]})" if options.count(text) > 1 else text
        for i, text in enumerate(options)
    )
