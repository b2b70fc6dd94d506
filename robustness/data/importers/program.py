"""A program that is read, not run: its files, its objects, its functions.

Refuses to know what is done with them.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Module:
    """One file's functions, classes and names."""

    name: str
    tree: ast.Module
    names: dict[str, Any]


@dataclass(slots=True)
class Instance:
    """`self`: what its classes define, and what was assigned to it."""

    classes: Sequence[tuple[ast.ClassDef, Module]]
    """The class and its bases, nearest first."""
    attributes: dict[str, Any] = field(default_factory=dict)

    def method(self, name: str) -> "tuple[ast.FunctionDef, Module] | None":
        """The method of that name, as inheritance finds it."""
        for owner, home in self.classes:
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return node, home
        return None


@dataclass(frozen=True, slots=True)
class Bound:
    """A function, lambda or method that can be called."""

    node: ast.FunctionDef | ast.Lambda
    home: Module
    instance: Instance | None
    closure: Mapping[str, Any] = field(default_factory=dict)
