"""Reads a labelled CSV table as a task: columns input, options and answer.

Further columns become fields of the input under their own names.
"""

from pathlib import Path

from robustness.data.prompts import field_name
from robustness.data.tasks.base import Task
from robustness.data.tasks.halves import halved
from robustness.errors import InputError, NotFoundError
from robustness.storage import cell_lists, tables
from robustness.types import Example, TaskType

EXPECTED = (
    "a CSV with the columns input, options (separated by |) and answer; further columns are "
    "fields, and a column split may say train, dev or test"
)
_SPLITS = ("train", "dev", "test")


def read_labelled_table(path: Path, task_type: TaskType | None = None) -> Task:
    """Reads a labelled CSV table.

    Args:
        path: The file; its name becomes the task's id.
        task_type: By default QA where the options change from row to row, otherwise BC for two
            options and MC for more.

    Returns:
        The task. Without a column `split` its rows are divided into a dev and a test half. Without
        a column `options` the different answers are the options of every row.

    Raises:
        InputError: A column is missing, or a row is malformed.
        NotFoundError: There is no such file.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist; expected {EXPECTED}")
    columns, rows = _table(path)
    fields = [c for c in columns if c not in ("options", "answer", "split", "id")]
    if "answer" not in columns or not fields:
        raise InputError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected {EXPECTED}"
        )
    answers = tuple(dict.fromkeys(row["answer"] for _, row in rows if row["answer"]))
    examples = [
        _example(f"{path}, line {line}", row, path.stem, fields, answers) for line, row in rows
    ]
    if not examples:
        raise InputError(f"{path} has no rows below its header; expected {EXPECTED}")
    spaces = {frozenset(e.options) for e in examples}
    common = examples[0].options if len(spaces) == 1 else ()
    inferred = TaskType.QA if not common else TaskType.BC if len(common) == 2 else TaskType.MC
    return Task(
        id=path.stem,
        title=path.stem.replace("_", " "),
        task_type=task_type or inferred,
        description=f"Inputs of {path.name}.",
        fields=tuple(field_name(name) for name in fields),
        options=common,
        source=f"written, {path.name}",
        trained=False,
        examples=tuple(examples) if "split" in columns else halved(examples),
    )


def _table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The column names, and each row with its line number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error
    columns: list[str] = []
    rows = []
    for line, cells in tables.csv_lines(text, str(path)):
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [c.strip() for c in cells]
            continue
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells, the header has {len(columns)}; put "
                "quotation marks around text that holds what parts the cells"
            )
        rows.append((line, dict(zip(columns, (c.strip() for c in cells), strict=True))))
    if len({field_name(c) for c in columns}) < len(columns):
        raise InputError(f"{path} names a column twice: {', '.join(columns)}")
    return columns, rows


def _example(
    where: str, row: dict[str, str], task: str, fields: list[str], answers: tuple[str, ...]
) -> Example:
    given = cell_lists.split(row.get("options", ""))
    options = given or answers
    if len(set(options)) < 2 or len(set(options)) < len(options):
        raise InputError(
            f"{where}: options {list(options)}; expected two or more different ones, separated by |"
        )
    answer: str | None = row["answer"] or None
    if answer is not None and answer not in options:
        raise InputError(f"{where}: answer {answer!r} is not among {list(options)}")
    split = row.get("split", "") or "test"
    if split not in _SPLITS:
        raise InputError(f"{where}: split {split!r}; choose one of {', '.join(_SPLITS)}")
    return Example(
        task=task, fields={field_name(name): row[name] for name in fields}, options=options,
        answer=answer, split=split,
    )
