"""Finds the files, classes, key lists and benchmark data of an InstructionEval repository.

Does not evaluate the classes; see `interpreter`.
"""

import ast
from pathlib import Path
from typing import Any

from robustness.data.importers import literals
from robustness.data.importers.program import Module
from robustness.errors import InputError
from robustness.storage.files import parse_json

_OWN = ("description", "example_input_prefix", "example_output_prefix", "choice_prefix")


class Configs:
    """The InstructionEval repository around a path."""

    own_words = (*_OWN, "few_shot_example_separator")
    """Keys of a benchmark's task.json that the classes use."""

    def __init__(self, path: Path, expected: str) -> None:
        """Finds the repository that holds a path.

        Args:
            path: The repository, its configs folder, or one file.
            expected: Description of the format, for error messages.
        """
        self._path, self._expected = path, expected
        start = path if path.is_dir() else path.parent
        above = [start, *list(start.parents)[:3]]
        self._root = next((f for f in above if (f / "configs").is_dir()), None)
        self._modules: dict[Path, Module] = {}
        self._keys = self._json("instructions.json")
        self._folders = {
            Path(rest[1]).name + "/" + Path(rest[1]).parent.name: (name, Path(rest[0]))
            for name, rest in self._json("dirs.json").items()
            if isinstance(rest, list) and len(rest) > 1
        }

    def _json(self, name: str) -> dict[str, Any]:
        file = None if self._root is None else self._root / name
        if file is None or not file.is_file():
            return {}
        try:
            found = parse_json(file.read_text(encoding="utf-8"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def files(self) -> list[Path]:
        """The Python files to import, sorted."""
        if self._path.is_file():
            return [self._path]
        whole = self._root is not None and self._root == self._path
        folder = self._path / "configs" if whole else self._path
        return sorted(f for f in folder.rglob("*.py") if "__pycache__" not in f.parts)

    def module(self, file: Path) -> Module:
        """Parses one Python file; the result is cached.

        Raises:
            InputError: It is not Python.
        """
        if file not in self._modules:
            self._modules[file] = Module(file.stem, literals.module(file, self._expected), {})
        return self._modules[file]

    def lineage(
        self, owner: ast.ClassDef, module: Module, seen: frozenset[str] = frozenset()
    ) -> list[tuple[ast.ClassDef, Module]]:
        """A class and those of its base classes that can be found, nearest first."""
        found = [(owner, module)]
        for base in owner.bases:
            if isinstance(base, ast.Name) and base.id not in seen | {owner.name}:
                home = self._home(base.id, module)
                if home is not None:
                    for more in self.lineage(*home, seen | {owner.name}):
                        if more[0] not in [f[0] for f in found]:
                            found.append(more)
        return found

    def _home(self, name: str, module: Module) -> tuple[ast.ClassDef, Module] | None:
        """The class of a name, in the module or in the module that it is imported from."""
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node, module
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
                file = self._imported(node.module or "")
                if file is None:
                    return None
                try:
                    return self._home(name, self.module(file))
                except InputError:
                    return None
        return None

    def _imported(self, dotted: str) -> Path | None:
        parts = dotted.split(".")
        roots = [] if self._root is None else [self._root, self._root / "configs"]
        beside = self._path if self._path.is_dir() else self._path.parent
        for root in [*roots, beside, beside.parent]:
            for tail in (parts, parts[1:]):
                file = root.joinpath(*tail).with_suffix(".py") if tail else root
                if file.is_file():
                    return file
        return None

    def bases(self) -> frozenset[str]:
        """Names of the base classes; their keys are imported with the classes that inherit them."""
        if self._path.is_file():
            return frozenset()
        found = set()
        for file in self.files():
            try:
                tree = self.module(file).tree
            except InputError:
                continue
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    found |= {b.id for b in node.bases if isinstance(b, ast.Name)}
        return frozenset(found)

    def dataset(self, file: Path) -> str:
        """A file's dataset by dirs.json; otherwise the name of the file."""
        found = self._folders.get(f"{file.name}/{file.parent.name}")
        return found[0] if found else file.stem

    def benchmark_name(self, dataset: str) -> str:
        """Name of the benchmark's data folder, in lower case; otherwise that of the dataset."""
        found = [f.name for name, f in self._folders.values() if name == dataset]
        return (found[0] if found else dataset).lower()

    def keys(self, dataset: str) -> list[str] | None:
        """The keys of a dataset by instructions.json; None where it does not list the dataset."""
        found = self._keys.get(dataset)
        return [str(key) for key in found] if isinstance(found, list) else None

    def lacking(self) -> str:
        """Why `keys` gives None: which of the two JSON files is missing or incomplete."""
        named = ("instructions.json", "dirs.json")
        missing = [n for n, found in zip(named, (self._keys, self._folders), strict=True)
                   if not found]
        if missing:
            return f"{' and '.join(missing)} beside configs/ cannot be read"
        return "instructions.json and dirs.json beside configs/ do not name this file's dataset"

    def benchmark(self, dataset: str) -> dict[str, Any]:
        """The wording in a benchmark's task.json; {} where there is none."""
        folder = next((f for name, f in self._folders.values() if name == dataset), None)
        if self._root is None or folder is None:
            return {}
        home = self._root / folder
        files = [home / "task.json", *sorted(home.glob("*/task.json"))]
        for file in files:
            if not file.is_file():
                continue
            try:
                found = parse_json(file.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(found, dict) and "description" in found:
                return {
                    "description": str(found.get("task_prefix", found["description"])),
                    "example_output_prefix": str(found.get("example_output_prefix", "")),
                    "example_input_prefix": str(found.get("example_input_prefix", "\n")),
                    "choice_prefix": str(found.get("choice_prefix", "")),
                    "few_shot_example_separator": str(
                        found.get("few_shot_example_separator", "\n\n")
                    ),
                }
        return {}
