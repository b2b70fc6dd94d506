"""What docstrings refer to exists, and none of them says what its module "refuses" to know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustness import paths

SOURCES = sorted(
    path for folder in ("robustness", "server") for path in (paths.ROOT / folder).rglob("*.py")
)
MODULES = {
    ".".join(path.relative_to(paths.ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
}
BY_NAME: dict[str, list[str]] = {}
for _module in sorted(MODULES):
    BY_NAME.setdefault(_module.rpartition(".")[2], []).append(_module)
REFERENCE = re.compile(r"`([A-Za-z_]\w*)\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?(?:\([^`]*\))?`")
FILES = {"json", "jsonl", "csv", "pt", "md", "yaml", "toml", "safetensors", "parquet", "html"}
"""Endings: `card.json` is a file and no module's name."""
OTHERS = {"DataFrame", "NAME", "app", "gr", "nltk", "peft", "self", "separator", "str",
          "templates", "torch", "transformers", "vllm"}
"""What is referred to but is no module below `robustness` or `server`."""


def names_of(path: Path) -> set[str]:
    """Names that a module defines or imports at its top level."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        else:  # also those that are imported for type checkers alone
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    found |= {alias.asname or alias.name for alias in inner.names}
    return found


def file_of(module: str) -> Path:
    """The source of a module."""
    path = paths.ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def members() -> dict[str, set[str]]:
    """Class -> its methods, fields and what it sets on itself, of all classes of that name."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                own = found.setdefault(node.name, set())
                for inner in ast.walk(node):
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                        own.add(inner.name)
                    elif isinstance(inner, ast.AnnAssign | ast.Assign):
                        for target in (
                            inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                        ):
                            if isinstance(target, ast.Name):
                                own.add(target.id)
                            elif isinstance(target, ast.Attribute):
                                own.add(target.attr)
    return found


MEMBERS = members()


def documented(path: Path) -> Iterator[str]:
    """Docstrings, and strings below an assignment, of a source file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def variables(path: Path) -> set[str]:
    """Parameters and variables of a file: `rows.targets` is a field of one of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
    } | {
        node.target.id for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def missing(first: str, name: str, path: Path) -> str:
    """Why `first.name` refers to nothing; empty where it does."""
    if name in FILES or first in OTHERS:
        return ""
    if name == "py":
        return "" if first in BY_NAME else f"there is no file {first}.py"
    if first in BY_NAME:
        known = [module for module in BY_NAME[first] if name in names_of(file_of(module))]
        known += [module for module in BY_NAME[first] if f"{module}.{name}" in MODULES]
        if known:
            return ""
    if first in MEMBERS:
        return "" if name in MEMBERS[first] else f"the class {first} has no {name}"
    if first in variables(path):
        return ""
    if first in BY_NAME:
        return f"{' and '.join(BY_NAME[first])} has no {name}"
    return f"there is no module or class {first}"


def test_what_docstrings_refer_to_exists() -> None:
    wrong = [
        f"{path.relative_to(paths.ROOT)}: `{first}.{name}`: {why}"
        for path in SOURCES
        for text in documented(path)
        for first, name, _ in REFERENCE.findall(text)
        if (why := missing(first, name, path))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("first", "name"),
    [("evaluation", "read_cells"), ("index", "load"), ("Engine", "ask"), ("gate", "Entails")],
)
def test_a_reference_to_nothing_is_found(first: str, name: str) -> None:
    assert missing(first, name, Path(__file__))


def test_no_docstring_says_what_a_module_refuses_to_know() -> None:
    assert [
        str(path.relative_to(paths.ROOT))
        for path in SOURCES
        if "Refuses to" in path.read_text(encoding="utf-8")
    ] == []
