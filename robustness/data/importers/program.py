"""Data structures of the interpreter: parsed modules, objects and bound functions."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed Python file and the values of its top-level names."""

    name: str
    tree: ast.Module
    names: dict[str, Any]


@dataclass(slots=True)
class Instance:
    """An object (`self`): its classes and the attributes assigned so far."""

    classes: Sequence[tuple[ast.ClassDef, Module]]
    """The class and its bases, nearest first."""
    attributes: dict[str, Any] = field(default_factory=dict)

    def method(self, name: str) -> "tuple[ast.FunctionDef, Module] | None":
        """The method of a name, from the class or the nearest base that has it; None: none has."""
        for owner, home in self.classes:
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return node, home
        return None


@dataclass(frozen=True, slots=True)
class Bound:
    """A function, lambda or method with its module, object and closure."""

    node: ast.FunctionDef | ast.Lambda
    home: Module
    instance: Instance | None
    closure: Mapping[str, Any] = field(default_factory=dict)
