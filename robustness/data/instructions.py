"""Reads, validates and writes instruction collections (JSON lines, one instruction per line)."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustness import paths
from robustness.data.defaults import OBSERVED as OBSERVED
from robustness.data.defaults import PARAPHRASES as PARAPHRASES
from robustness.data.defaults import UNOBSERVED_CALIBRATION as UNOBSERVED_CALIBRATION
from robustness.data.defaults import UNOBSERVED_DEVELOPMENT as UNOBSERVED_DEVELOPMENT
from robustness.data.defaults import UNOBSERVED_TEST as UNOBSERVED_TEST
from robustness.data.prompts import OPTION_FORMATS, placeholders
from robustness.errors import InputError, NotFoundError
from robustness.storage import files
from robustness.storage.validation import first_fault
from robustness.types import Instruction, TaskType

SHORTEST = 3
"""Least number of characters of an instruction."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = ""
    text: str = Field(min_length=SHORTEST)
    collection: str
    task_type: TaskType
    task: str | None = None
    observed: bool = False
    label_words: dict[str, str] = {}
    option_format: str = ""
    source: str = ""


def parse_instruction(row: object, where: str) -> Instruction:
    """Validates one line of a collection file.

    Args:
        row: The parsed JSON.
        where: File and line, for the error message.

    Raises:
        InputError: A key is missing, unknown or malformed, or the id is not the hash of the
            content.
    """
    try:
        checked = _Row.model_validate(row)
    except ValidationError as error:
        raise InputError(f"{where}: {first_fault(error, found=True)}") from error
    if checked.option_format and checked.option_format not in OPTION_FORMATS:
        raise InputError(
            f"{where}: option_format {checked.option_format!r} is unknown; "
            f"choose one of {', '.join(OPTION_FORMATS)}"
        )
    if len(set(checked.label_words.values())) < len(checked.label_words):
        raise InputError(f"{where}: label_words gives one word to two options")
    if "options" in placeholders(checked.text) and not checked.option_format:
        raise InputError(f"{where}: the text has {{options}} but option_format is empty")
    values = checked.model_dump()
    given = values.pop("id")
    instruction = Instruction(**values)
    if given and given != instruction.id:
        raise InputError(
            f"{where}: id {given} is not the hash of the content ({instruction.id}); "
            "leave the id out and it is computed"
        )
    return instruction


def read_collection(path: Path) -> list[Instruction]:
    """Reads a collection file.

    Raises:
        InputError: A line is malformed, or two lines hold the same instruction.
        NotFoundError: There is no such file.
        CorruptFileError: A line is not JSON.
    """
    found: dict[str, Instruction] = {}
    for number, row in enumerate(files.read_jsonl(path), start=1):
        instruction = parse_instruction(row, f"{path}, row {number}")
        if instruction.id in found:
            raise InputError(f"{path}, row {number}: an earlier row holds the same instruction")
        found[instruction.id] = instruction
    return list(found.values())


def is_collection(path: Path) -> bool:
    """Whether a file is an instruction collection; other JSON-lines files are tables to score."""
    if path.suffix.lower() != ".jsonl" or not path.is_file():
        return False
    rows = files.read_jsonl(path)
    return bool(rows) and isinstance(rows[0], dict) and {"text", "task_type"} <= set(rows[0])


def write_collection(path: Path, instructions: Iterable[Instruction]) -> None:
    """Writes a collection file."""
    files.write_jsonl(path, instructions)


def builtin(collection: str) -> list[Instruction]:
    """Reads one of the shipped collections.

    Raises:
        NotFoundError: There is no shipped collection of that name.
    """
    path = paths.INSTRUCTIONS / f"{collection}.jsonl"
    if not path.is_file():
        names = sorted(p.stem for p in paths.INSTRUCTIONS.glob("*.jsonl"))
        raise NotFoundError(
            f"no collection {collection!r}, and no file of that name; there are {', '.join(names)}"
        )
    return read_collection(path)


def for_task(
    instructions: Sequence[Instruction], task: str, task_type: TaskType
) -> list[Instruction]:
    """The instructions for a task: those that name it, and those for every task of its type."""
    return [
        i for i in instructions if i.task == task or (i.task is None and i.task_type == task_type)
    ]
