"""A group of commands that imports a command only when it is called, and none for the help."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

Command = Any
"""A command or group of Click, of which typer has a copy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The function of a command, and its line in the group's help."""

    place: str
    """`module:function`."""
    help: str
    """The first sentence of the function's docstring."""
    shared: bool = False
    """Whether several commands have this function; then the line is the whole help."""
    alone: Mapping[str, str] = field(default_factory=dict)
    """Option that may stand without a value -> the value that it then has."""


def load(place: str) -> Any:
    """The function at `module:function`."""
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def _command(alone: Mapping[str, str]) -> type[TyperCommand]:
    """The class of a command whose options may stand alone, which typer does not offer."""

    class Filled(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """Puts the value behind an option that the end or another option follows."""
            filled = []
            for arg, after in zip(args, [*args, "-"][1:], strict=True):
                filled += [arg, alone[arg]] if arg in alone and after[:1] == "-" else [arg]
            parsed: list[str] = super().parse_args(ctx, filled)
            return parsed

    return Filled


class LazyGroup(TyperGroup):
    """Commands of a table; `--help` lists their lines and imports none of them."""

    def __init__(self, *, table: Mapping[str, "Entry | LazyGroup"], **options: Any) -> None:
        """Imports nothing.

        Args:
            table: Name of a command -> its entry, or another group.
            **options: Options of `TyperGroup`.
        """
        listed: dict[str, Command] = {
            name: entry if isinstance(entry, LazyGroup) else TyperCommand(name, help=entry.help)
            for name, entry in table.items()
        }
        super().__init__(commands=listed, **({"no_args_is_help": True} | options))
        self.table = table
        self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands' names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        """The command; for the help of the group, one that has only its line."""
        entry = self.table.get(cmd_name)
        if self._listing or not isinstance(entry, Entry):
            return self.commands.get(cmd_name)
        made = typer.Typer(add_completion=False)
        made.command(
            cmd_name, help=entry.help if entry.shared else None, cls=_command(entry.alone)
        )(load(entry.place))
        return typer.main.get_command(made)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help from the table alone."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


class TextOrCommand(LazyGroup):
    """A group whose first argument may be an instruction instead of a command."""

    def __init__(self, *, default: str, **options: Any) -> None:
        """Imports nothing.

        Args:
            default: Name of the command that takes an instruction.
            **options: Options of `LazyGroup`.
        """
        super().__init__(**options)
        self._default = default

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the default command in front of a first argument that is not a command."""
        if args and args[0] not in (*self.table, "--help"):
            args = [self._default, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed
