"""Imports Flan's `templates.py` (2021 and 2022): tables of templates in Python source.

The source is parsed, never executed. Of a few-shot pattern only the part around the input itself is
imported, without the examples.
"""

from pathlib import Path
from typing import Any

from robustness.data.importers import folders, kinds, literals, wording
from robustness.data.importers.imported import Draft, Gathering, Imported, place
from robustness.data.importers.kinds import Answers
from robustness.data.importers.literals import Made, Unread
from robustness.data.importers.wording import MARK, UnreadableError
from robustness.errors import InputError
from robustness.types import TaskType

SOURCE = "flan"
EXPECTED = (
    'Flan\'s templates.py: PATTERNS = {"rte": [("{premise} ...", "{answer}"), ...]}, or '
    "FEWSHOT_PATTERNS with FewShotPattern(inputs=..., targets=...)"
)
_OPTIONS = ("options_", "options_str", "options", "option_")
_ANSWERED_BY_OPTION = frozenset({"answer", "glm_answer", "label", "target"})
_DEFAULTS = {
    "inputs_prefix": "", "targets_prefix": "", "x_y_delimiter": "\n\n", "final_suffix": "",
    "input_pattern": "{{inputs}}{final_suffix}",
}
"""Default values of Flan's FewShotPattern."""


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports a file with Flan's tables of templates, or all such files below a folder.

    Args:
        path: `templates.py`, or a folder with such files.
        task_type: Task type of all entries; None: inferred for each.

    Raises:
        InputError: The file does not have the format.
        NotFoundError: There is no such file.
    """
    return folders.gather(SOURCE, path, ("*templates*.py",), _read, task_type)


def _is_table(found: object) -> bool:
    """Whether a value is a mapping from task names to lists of templates."""
    return isinstance(found, dict) and any(
        isinstance(rows, list)
        and any(
            _called(row) or (isinstance(row, list) and row and isinstance(row[0], (str, Unread)))
            or (isinstance(row, str) and "{" in row)
            for row in rows
        )
        for rows in found.values()
    )


def _called(row: object) -> bool:
    keys = row.named if isinstance(row, Made) else row if isinstance(row, dict) else {}
    return bool({"inputs", "input", "template"} & set(keys)) or (
        isinstance(row, Made) and "pattern" in row.name.lower()
    )


def _read(path: Path, gathered: Gathering) -> None:
    try:
        names = literals.tables(literals.module(path, EXPECTED))
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply; expected {EXPECTED}") from error
    found = {name: table for name, table in names.items() if _is_table(table)}
    if not found:
        raise InputError(f"{path} has no table of patterns; expected {EXPECTED}")
    for name, table in found.items():
        for task, rows in table.items():
            if not isinstance(rows, list):
                gathered.leave(place(path, f"{name}[{task!r}]"), _why(rows, "it is no list"))
                continue
            for number, row in enumerate(rows, start=1):
                where = place(path, f"{name}[{task!r}], pattern {number}")
                try:
                    _take(where, str(task), row, f"{path.name} {name} {task} {number}", gathered)
                except UnreadableError as error:
                    gathered.leave(where, str(error))
    for name, made in names.items():
        if "PATTERN" in name.upper() and isinstance(made, (Made, Unread)):
            gathered.leave(place(path, name), "the table is made by code from others; not read")


def _why(found: object, otherwise: str) -> str:
    return f"line {found.line}: {found.reason}" if isinstance(found, Unread) else otherwise


def _sides(row: Any) -> tuple[str, str]:
    """The input template and the target template as marked texts."""
    if isinstance(row, (Made, dict)):
        return _few_shot(row)
    if isinstance(row, str):
        return wording.formatted(row), ""
    if not isinstance(row, list) or not row:
        raise UnreadableError(_why(row, "it is no pair of templates"))
    asked = wording.formatted(literals.text(row[0], "what is asked"))
    answered = literals.text(row[1], "what is answered") if len(row) > 1 else ""
    return asked, wording.formatted(answered)


def _few_shot(row: Made | dict[str, Any]) -> tuple[str, str]:
    """A few-shot pattern without its examples: prefix, input, delimiter, prefix of the target."""
    if isinstance(row, Made):
        given = dict(zip(("inputs", "targets"), row.arguments, strict=False)) | dict(row.named)
    else:
        given = {str(key): item for key, item in row.items()}
    asked = given.get("inputs", given.get("input", given.get("template")))
    if asked is None:
        raise UnreadableError("it has no `inputs`")
    part = {
        key: literals.text(given.get(key, default), f"its {key}")
        for key, default in _DEFAULTS.items()
    }
    inputs = (
        part["inputs_prefix"] + wording.formatted(literals.text(asked, "its inputs"))
        + part["x_y_delimiter"] + part["targets_prefix"]
    )
    around = part["input_pattern"].replace("{final_suffix}", part["final_suffix"])
    around = around.replace("{{", "{").replace("}}", "}")
    text = wording.formatted(around).replace(wording.mark("inputs"), inputs)
    answered = given.get("targets", given.get("target", given.get("output", "")))
    return text, wording.formatted(literals.text(answered, "its targets"))


def _take(where: str, task: str, row: Any, source: str, gathered: Gathering) -> None:
    asked, answered = _sides(row)
    listed = [name for name in _OPTIONS if wording.mark(name) in asked]
    for name in listed:
        # Flan's preprocessor writes `OPTIONS:` and a dash before each option.
        asked = asked.replace(wording.mark(name), "OPTIONS:\n" + wording.mark("options"), 1)
    worded = wording.finish(asked)
    targets = MARK.findall(answered)
    by_option = not targets or set(targets) <= _ANSWERED_BY_OPTION
    count = kinds.dataset(task) if by_option else 0
    draft = Draft(
        text=worded.text, collection=SOURCE, task=task, source=source,
        option_format="dashes" if listed else worded.option_format,
        answers=Answers(
            count=count, vary=bool(listed or worded.option_format) and by_option,
            asks=by_option and bool(targets) and "question" in worded.fields,
        ),
    )
    changes = tuple(c for c in worded.changes if "does not say how" not in c)
    gathered.take(where, draft, changes)
