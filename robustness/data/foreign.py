"""Texts that are no instruction for a task, which a predictor must not take for one.

Chat requests, instructions for tasks that no shipped model knows and other languages were written
for this project (`assets/foreign/texts.json`). Gibberish, and instructions for other tasks of the
index, are made by rule with a seed.
"""

import random
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from robustness import paths
from robustness.data import prompts
from robustness.storage import files
from robustness.types import Instruction

SCHEMA = 1
GIBBERISH = 80
"""Number of texts of gibberish."""
_LABEL = re.compile(r"^\W*\w+\W*:")
"""The label in front of a line, as in "Question: Where is it?"."""
_KEYBOARD = "asdfqwerzxcvjklpoiu"
_MARKS = string.digits + "".join(c for c in string.punctuation if c not in "{}")


class Part(StrEnum):
    """A part of the texts: rules are fitted to two thirds and tested on the others."""

    DEVELOPMENT = "development"
    HELD_OUT = "held-out"


class Kind(StrEnum):
    """Where a foreign text comes from."""

    CHAT = "chat"
    """A request of a chat."""
    UNKNOWN_TASK = "tasks"
    """An instruction for a task that is not among the shipped ones."""
    LANGUAGE = "languages"
    """Not in English."""
    GIBBERISH = "gibberish"
    OTHER_TASK = "other task"
    """An instruction for another task of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A text that is no instruction for a task."""

    text: str
    kind: Kind
    task: str = ""
    """The task that it is no instruction for; empty: any."""


def _gibberish(rng: random.Random) -> str:
    words = rng.randint(2, 7)
    match rng.randrange(4):
        case 0:
            made = ["".join(rng.choices(_KEYBOARD, k=rng.randint(3, 6))) for _ in range(words)]
        case 1:
            made = [
                "".join(
                    rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou")
                    for _ in range(rng.randint(1, 3))
                )
                for _ in range(words)
            ]
        case 2:
            made = ["".join(rng.choices(_MARKS, k=rng.randint(2, 6))) for _ in range(words)]
        case _:
            made = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(8, 30)))]
    return " ".join(made)


def _rows(part: Part, count: int) -> slice:
    """The rows of a part among `count` shuffled ones."""
    cut = 2 * count // 3
    return slice(cut) if part is Part.DEVELOPMENT else slice(cut, None)


def texts(part: Part, *, seed: int = 0) -> list[Foreign]:
    """One part of the texts that are an instruction for no task.

    Raises:
        NotFoundError, CorruptFileError, MismatchError: See `files.read_json`.
    """
    rng = random.Random(seed)
    path = paths.ASSETS / "foreign" / "texts.json"
    document = files.read_json(path, schema=SCHEMA)
    with files.well_formed(path):
        by_kind = {Kind(k): list(map(str, found)) for k, found in document["texts"].items()}
    by_kind[Kind.GIBBERISH] = [_gibberish(rng) for _ in range(GIBBERISH)]
    made = []
    for kind, found in by_kind.items():
        rng.shuffle(found)
        made += [Foreign(text=text, kind=kind) for text in found[_rows(part, len(found))]]
    return made


def typed_lines(instructions: Iterable[Instruction]) -> list[tuple[str, str]]:
    """Lines of templates as if somebody had typed them, each with its task.

    They have four words or more, no placeholder, and occur for one task alone, since what occurs
    for several ("Pay attention to the details.") is an instruction for none.
    """
    found: dict[str, set[str]] = {}
    written: dict[tuple[str, str], str] = {}
    for instruction in instructions:
        for line in instruction.text.splitlines():
            folded = _LABEL.sub("", line.lower()).strip()
            if len(folded.split()) < 4 or prompts.placeholders(line) or not instruction.task:
                continue
            found.setdefault(folded, set()).add(instruction.task)
            written.setdefault((folded, instruction.task), line.strip())
    return sorted(
        (written[folded, task], task)
        for folded, names in found.items() if len(names) == 1 for task in names
    )


def for_tasks(
    names: Sequence[str], instructions: Iterable[Instruction], part: Part, *, each: int,
    seed: int = 0,
) -> list[Foreign]:
    """Foreign texts for each task: a sample of `texts`, and instructions for the other tasks.

    Instructions for other tasks are those of `typed_lines`, each in one part for all tasks alike.

    Args:
        names: The tasks.
        instructions: Instructions for tasks, of which those for other tasks are taken.
        part: Which part of the texts.
        each: Number of texts for each task; a quarter are instructions for other tasks.
        seed: Seed of parts and samples.
    """
    lines = typed_lines(instructions)
    random.Random(seed).shuffle(lines)
    others = lines[_rows(part, len(lines))]
    pool = texts(part, seed=seed)
    made = []
    for name in names:
        rng = random.Random(f"{seed} {name} {part}")
        elsewhere = [text for text, task in others if task != name]
        taken = rng.sample(elsewhere, min(each // 4, len(elsewhere)))
        made += [Foreign(text=text, kind=Kind.OTHER_TASK, task=name) for text in taken]
        found = rng.sample(pool, min(each - len(taken), len(pool)))
        made += [Foreign(text=f.text, kind=f.kind, task=name) for f in found]
    return made
