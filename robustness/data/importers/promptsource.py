"""Imports P3 templates: promptsource's YAML files with Jinja templates tagged `!Template`.

No dataset is needed: templates are rendered on fields without values (see `fields`), which come out
as {field} placeholders.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import meta, runtime
from jinja2.exceptions import TemplateError

from robustness.data.importers import folders, kinds, wording
from robustness.data.importers.fields import (
    ITEMS,
    Field,
    Script,
    first,
    formatted,
    kept,
    length,
)
from robustness.data.importers.imported import Draft, Gathering, Imported, place
from robustness.data.importers.kinds import Answers
from robustness.data.importers.sandbox import MAX_SECONDS, Sandbox
from robustness.data.importers.wording import MARK, UnreadableError
from robustness.errors import InputError
from robustness.types import TaskType

SOURCE = "promptsource"
SEPARATOR = "|||"
MAX_BRANCHES = 24
"""Largest number of branches of one template that are rendered."""
EXPECTED = (
    "promptsource YAML: `dataset: NAME` and `templates:` with entries tagged !Template that hold "
    "`name`, `jinja` (prompt ||| answer) and `answer_choices`"
)


@dataclass(frozen=True, slots=True)
class _Refused:
    """A YAML tag that would construct a Python object."""

    tag: str


class _Loader(yaml.SafeLoader):
    """A YAML loader for plain data; `!Template` and other application tags become mappings."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Raises on the merge key `<<`, with which a few lines can expand to gigabytes."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not read", key.start_mark
                )


def _plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


def _refuse(_: yaml.SafeLoader, suffix: str, __: yaml.Node) -> _Refused:
    return _Refused(suffix)


_Loader.add_multi_constructor("!", _plain)
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _refuse)


def _string(name: str) -> Callable[..., str]:
    return lambda value, *arguments: str(getattr(str(value), name)(*arguments))


_FILTERS: dict[str, Callable[..., Any]] = {
    **{n: kept(_string(n)) for n in ("lower", "upper", "title", "capitalize")},
    "trim": kept(_string("strip")), "int": kept(int), "float": kept(float), "string": kept(str),
    "round": kept(round), "abs": kept(abs), "highlight": kept(str), "most_frequent": kept(list),
    "choice": first, "random": first, "first": first,
    "length": length, "count": length, "format": formatted,
}


class _Rows(Sandbox):
    """The Jinja sandbox with fields that have no values."""

    def call(self, context: runtime.Context, obj: Any, *arguments: Any, **named: Any) -> Any:
        """Calls a function; `index` of a field in a list gives 0, since its value is not known."""
        if getattr(obj, "__name__", "") == "index" and any(isinstance(a, Field) for a in arguments):
            return 0
        return super().call(context, obj, *arguments, **named)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of a value; where a field is the key, the first item, since it is not known."""
        if isinstance(argument, Field) and isinstance(obj, (list, tuple, dict)) and obj:
            return next(iter(obj.values())) if isinstance(obj, dict) else obj[0]
        return super().getitem(obj, argument)


@dataclass(frozen=True, slots=True)
class _Walk:
    """The texts of one branch of a template."""

    prompt: str
    target: str
    choices: tuple[str, ...]
    items: int
    """Number of items of a field over which the template loops."""

    def fields(self) -> int:
        """Number of fields of the input in the prompt; an input's parts count as one."""
        return len({name.partition(".")[0] for name in MARK.findall(self.prompt)})


def read(path: Path, task_type: TaskType | None = None) -> Imported:
    """Imports a promptsource file, or all such files below a folder.

    Args:
        path: A `templates.yaml`, or a folder of them.
        task_type: Task type of all entries; None: inferred for each.

    Raises:
        InputError: The file does not have the format.
        NotFoundError: There is no such file.
    """
    return folders.gather(SOURCE, path, ("*.yaml", "*.yml"), _read, task_type)


def _read(path: Path, gathered: Gathering) -> None:
    try:
        # _Loader is a SafeLoader: it constructs plain data only.
        document = yaml.load(folders.text_of(path), _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f", line {line + 1}"
        problem = getattr(error, "problem", None) or error
        raise InputError(f"{path}{where}: not YAML ({problem}); expected {EXPECTED}") from error
    templates = document.get("templates") if isinstance(document, dict) else None
    if not isinstance(templates, (dict, list)) or not templates:
        raise InputError(f"{path} has no templates; expected {EXPECTED}")
    named = [document.get(key) for key in ("dataset", "subset")]
    names = [name for name in named if isinstance(name, str) and name]
    task = "_".join(names).replace("/", "_") or path.stem
    listed = templates.items() if isinstance(templates, dict) else enumerate(templates, start=1)
    for key, entry in listed:
        where = place(path, f"template {_title(entry, key)}")
        if isinstance(entry, _Refused):
            gathered.leave(where, f"its tag {entry.tag} asks to make a Python object; refused")
        elif not isinstance(entry, dict) or not isinstance(entry.get("jinja"), str):
            gathered.leave(where, "it has no `jinja` text")
        else:
            try:
                _take(where, entry, task, gathered)
            except UnreadableError as error:
                gathered.leave(where, str(error))


def _title(entry: object, key: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return repr(name.strip() if isinstance(name, str) and name.strip() else str(key))


def _take(
    where: str, entry: Mapping[str, Any], task: str, gathered: Gathering
) -> None:
    choices = entry.get("answer_choices")
    if choices is not None and not isinstance(choices, str):
        raise UnreadableError(f"its answer_choices are no text but {type(choices).__name__}")
    walks = _walks(entry["jinja"], choices or "")
    if not walks:
        raise UnreadableError("its prompt is empty on every input")
    # Where a condition hides a field, the prompt without it would leave out part of the input.
    taken = max(walks, key=_Walk.fields)
    if not taken.fields():
        raise UnreadableError("its prompt holds nothing of the input")
    changes = []
    if len({w.prompt for w in walks}) > 1:
        where_it_holds = (
            "where its conditions hold" if taken is walks[0] else "where it holds most fields"
        )
        changes.append(f"its wording depends on the input; taken as it reads {where_it_holds}")
    if re.search(r"\|\s*(choice|random)\b", entry["jinja"].partition(SEPARATOR)[0]):
        changes.append("it draws at random; the first of what it draws from is taken")
    options = [m[1] for c in taken.choices if (m := MARK.fullmatch(c))]
    listed = options if len(options) == len(taken.choices) else []
    answers = _answers(walks, taken)
    lettered = False if listed else (kinds.references(taken.choices) or None)
    words = {w: w for w in answers.words} if not kinds.references(answers.words) else {}
    worded = wording.finish(
        taken.prompt, options=listed, lettered=lettered, items=taken.items, fixed=len(words) > 1
    )
    draft = Draft(
        text=worded.text, answers=answers, collection=SOURCE, task=task,
        option_format=worded.option_format, label_words=words,
        source=f"promptsource {task} {_title(entry, '')}",
    )
    gathered.take(where, draft, (*changes, *worded.changes))


def _answers(walks: list[_Walk], taken: _Walk) -> Answers:
    """What a template tells of its answers, with the branch that is taken for its wording."""
    choices = taken.choices
    asks = any(n in ("question", "Question") for n in MARK.findall(taken.prompt)) and not any(
        "question" in n.lower() for n in MARK.findall(taken.target)
    )
    if choices:
        vary = any(MARK.search(c) for c in choices)
        return Answers(words=() if vary else choices, vary=vary, asks=asks)
    targets = tuple(dict.fromkeys(w.target for w in walks if w.target))
    if len(targets) > 1 and not any(MARK.search(t) for t in targets):
        return Answers(words=targets)
    return Answers(asks=asks)


def _walks(source: str, choices: str) -> list[_Walk]:
    """Renders the branches of a template that give a prompt; true conditions come first.

    Each rendering records the tests that it made. For every test beyond those that were given, the
    same script with that test turned round is queued, which is a breadth-first search over the
    template's conditions.
    """
    until = time.monotonic() + MAX_SECONDS
    waiting: deque[tuple[bool, ...]] = deque([()])
    found: list[_Walk] = []
    rows = _Rows(_FILTERS, runtime.Undefined)
    names = {text: _names(rows, text) for text in (source, choices)}
    for _ in range(MAX_BRANCHES):
        if not waiting or time.monotonic() > until:
            break
        given = waiting.popleft()
        script = Script(given)
        fields = {text: {n: Field(n, script) for n in names[text]} for text in names}
        try:
            listed = rows.rendered(choices, fields[choices]).split(SEPARATOR)
            words = [w.strip() for w in listed if w.strip()]
            # Letters tell how many options an input has.
            script.items = len(words) if kinds.references(words) else ITEMS
            values = {**fields[source], "answer_choices": words}
            parts = rows.rendered(source, values).split(SEPARATOR)
        except UnreadableError:
            if not given:
                raise
            continue  # what a condition excludes may fail where it does not hold
        if len(parts) < 2 and any(p.strip() for p in parts):
            raise UnreadableError(f"it has no {SEPARATOR} between the prompt and the answer")
        if parts[0].strip():
            found.append(
                _Walk(parts[0].strip(), parts[1].strip(), tuple(words), script.items)
            )
        waiting += [
            (*script.asked[:i], not script.asked[i]) for i in range(len(given), len(script.asked))
        ]
    return found


def _names(rows: Sandbox, source: str) -> list[str]:
    """Names of the input's fields that a template uses."""
    try:
        names = meta.find_undeclared_variables(rows.parse(source))
    except (TemplateError, RecursionError) as error:
        raise UnreadableError(f"its Jinja cannot be read: {error}") from error
    return sorted(name for name in names if name not in rows.globals)
