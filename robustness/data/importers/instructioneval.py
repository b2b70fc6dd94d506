"""Imports InstructionEval's `configs`: Python classes whose methods build prompts.

The code is not executed: `interpreter` evaluates its syntax trees with marked fields in place of an
input. Each key, such as NIV2/QA/1, is an entry; few-shot variants (`instr2preprocessor_fs`) are not
imported. The wording of the task designer (Default) needs the benchmark's task.json beside the
configs.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.data.importers import wording
from robustness.data.importers.configs import Configs
from robustness.data.importers.imported import Draft, Gathering, Imported, place
from robustness.data.importers.interpreter import Machine
from robustness.data.importers.kinds import Answers
from robustness.data.importers.operations import CountError
from robustness.data.importers.program import Bound, Instance, Module
from robustness.data.importers.wording import MARK, UnreadableError, mark
from robustness.errors import InputError, NotFoundError
from robustness.types import TaskType

SOURCE = "instructioneval"
EXPECTED = (
    "InstructionEval's folder (a clone of https://github.com/jiudingsun01/InstructionEval, with "
    "configs/), its configs, or one of their Python files: classes "
    'with self.instr2preprocessor["NIV2/QA/1"] = self.a_method'
)
OPTIONS = 4
"""Number of options of the marked input; a method that unpacks another number gets that number."""
MAX_OPTIONS = 26
_KINDS = {"QA": TaskType.QA, "BC": TaskType.BC, "CLASSIFICATION": TaskType.MC}
_FOLDERS = {
    "multiple_choice": TaskType.QA, "binary_classification": TaskType.BC,
    "classification": TaskType.MC, "MMLU": TaskType.QA,
}
_UNSEEN = ("Unobserved", "Default", "Random", "Negation")
"""Groups of keys with instructions that no model was tuned on."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One key of one dataset, and the expression of its function."""

    key: str
    function: ast.expr
    home: Module


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports InstructionEval's configs.

    Args:
        path: The repository, its configs folder, or one file of it.
        task_type: Task type of all entries; None: by the folder or the key.

    Raises:
        InputError: There are no such classes.
        NotFoundError: There is no such file or folder.
    """
    if not path.exists():
        raise NotFoundError(f"{path} does not exist")
    gathered = Gathering(SOURCE, task_type)
    configs = Configs(path, EXPECTED)
    bases = configs.bases()
    found = 0
    for file in configs.files():
        try:
            module = configs.module(file)
        except InputError as error:
            if path.is_file():
                raise
            gathered.leave(str(file), str(error).removeprefix(f"{file}: "))
            continue
        for owner in (n for n in module.tree.body if isinstance(n, ast.ClassDef)):
            if owner.name in bases:
                continue
            found += _class(file, owner, module, configs, gathered)
    if not found:
        raise InputError(f"{path} has no instr2preprocessor; expected {EXPECTED}")
    return gathered.done()


def _class(
    file: Path, owner: ast.ClassDef, module: Module, configs: Configs, gathered: Gathering
) -> int:
    """Imports the entries of one class; returns their number."""
    lineage = configs.lineage(owner, module)
    own = {e.key: e for e in _entries(owner, module)}
    task = configs.dataset(file)
    wanted = configs.keys(task)
    if wanted is None:
        entries = dict(own)
        inherited = {e.key for base, home in lineage[1:] for e in _entries(base, home)} - set(own)
        if own and inherited:
            gathered.leave(
                place(file, owner.name),
                f"{len(inherited)} entries of its base classes, the observed ones among them: "
                f"{configs.lacking()}, which say which of them are its own; bring the whole "
                "repository along",
            )
    else:
        everything: dict[str, _Entry] = {}
        for base, home in reversed(lineage):
            everything |= {e.key: e for e in _entries(base, home)}
        entries = {key: everything[key] for key in wanted if key in everything}
        if own and entries:
            for key in wanted:
                if key not in everything:
                    gathered.leave(place(file, key), "instructions.json names it, no class has it")
        entries = entries if own else {}
    for entry in entries.values():
        where = place(file, entry.key)
        try:
            _take(where, entry, task, file, lineage, configs, gathered)
        except UnreadableError as error:
            gathered.leave(where, str(error))
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            # The entry's code fails here as it would in Python; that is no error of this project.
            gathered.leave(where, f"its code cannot be followed ({type(error).__name__}: {error})")
    return len(entries)


def _entries(owner: ast.ClassDef, module: Module) -> Iterator[_Entry]:
    """The zero-shot keys that a class registers."""
    for node in ast.walk(owner):
        if not isinstance(node, ast.Assign):
            continue
        match node.targets[0]:
            case ast.Attribute(attr="instr2preprocessor") if isinstance(node.value, ast.Dict):
                for key, value in zip(node.value.keys, node.value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield _Entry(key.value, value, module)
            case ast.Subscript(
                value=ast.Attribute(attr="instr2preprocessor"), slice=ast.Constant(value=str(name))
            ):
                yield _Entry(name, node.value, module)


def _item(options: int) -> dict[str, Any]:
    """An input whose fields are marks; the right answer is the first option."""
    listed = [mark(f"option_{i}") for i in range(1, options + 1)]
    return {"question": mark("question"), "options": listed, "answer": listed[0]}


def _take(
    where: str, entry: _Entry, task: str, file: Path,
    lineage: list[tuple[ast.ClassDef, Module]], configs: Configs, gathered: Gathering,
) -> None:
    made, refitted = _made(entry, task, lineage, configs)
    text = made.get("input_text")
    if not isinstance(text, str):
        raise UnreadableError("it puts together no input_text")
    own = sorted({n for n in MARK.findall(text)} & set(configs.own_words))
    if own:
        raise UnreadableError(
            f"it uses the benchmark's own {own[0]}, and there is no task.json of {task} beside the "
            "configs; bring the repository's data folder along"
        )
    labels = made.get("label_space")
    words = tuple(str(w) for w in labels) if isinstance(labels, list) else ()
    by_text = bool(words) and all(MARK.fullmatch(w) for w in words)
    options = [n for n in dict.fromkeys(MARK.findall(text)) if re.fullmatch(r"option_\d+", n)]
    worded = wording.finish(text, options=options, lettered=False if by_text else None)
    stated = _stated(entry.key, file)
    fixed = not by_text and not any(MARK.search(w) for w in words)
    single = all(len(w.strip("()[]. \n")) == 1 for w in words)
    draft = Draft(
        text=worded.text, collection=SOURCE, task=configs.benchmark_name(task),
        observed=not any(group in entry.key.split("/") for group in _UNSEEN),
        answers=Answers(stated=stated, words=words if fixed else (), vary=by_text),
        option_format=worded.option_format,
        label_words={w: w for w in words} if fixed and not single else {},
        source=f"instructioneval {task} {entry.key}",
    )
    other = "the source passes other fields than its method takes; the method's own are kept"
    gathered.take(where, draft, (*worded.changes, *((other,) if refitted else ())))


def _stated(key: str, file: Path) -> TaskType | None:
    """The task type by the dataset's folder, or else by the key."""
    for folder in (file.parent.name, file.parent.parent.name):
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    return next((_KINDS[p.upper()] for p in key.split("/") if p.upper() in _KINDS), None)


def _made(
    entry: _Entry, task: str, lineage: list[tuple[ast.ClassDef, Module]], configs: Configs
) -> tuple[Mapping[str, Any], bool]:
    """What an entry's function returns for a marked input, and whether fields were renamed."""
    counts, tried = [OPTIONS], set[int]()
    failed: UnreadableError = UnreadableError("it cannot be read")
    while counts and (options := counts.pop()) not in tried and options <= MAX_OPTIONS:
        tried.add(options)
        machine = Machine()
        instance = Instance(lineage)
        for base, home in reversed(lineage):
            _start(machine, base, home, instance)
        instance.attributes |= configs.benchmark(task)
        try:
            function = machine.value(entry.function, entry.home, instance)
            if not isinstance(function, Bound):
                raise UnreadableError("its function is not among the classes that were read")
            made = machine.call(function, [_item(options)])
            if not isinstance(made, dict):
                raise UnreadableError("it returns no prompt")
            return made, machine.refitted
        except CountError as error:
            failed = error
            counts.append(error.wanted)
    raise failed


def _start(machine: Machine, base: ast.ClassDef, home: Module, instance: Instance) -> None:
    """Evaluates a base class's __init__ where it needs no arguments; it only sets styles."""
    for node in base.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            spec = node.args
            if len(spec.args) - 1 <= len(spec.defaults):
                machine.call(Bound(node, home, instance), [])
