"""Reads the preset of a training: a TOML file with a value for every field of its recipe."""

import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from robustness.errors import InputError, NotFoundError
from robustness.storage import settings

Recipe = TypeVar("Recipe")


def load(kind: type[Recipe], folder: Path, preset: str, given: Sequence[str] = ()) -> Recipe:
    """Reads the settings of a preset, some of them changed.

    Args:
        kind: The recipe's dataclass.
        folder: Folder of the presets.
        preset: Name of a TOML file in it, e.g. `cpu`.
        given: Texts `key=value` that take the place of the preset's.

    Raises:
        NotFoundError: There is no such preset.
        InputError: The file has unknown or missing keys, or what is given is not a setting or does
            not have its type.
    """
    path = folder / f"{preset}.toml"
    if not path.is_file():
        names = sorted(p.stem for p in folder.glob("*.toml"))
        raise NotFoundError(f"no preset {preset!r}; there are {', '.join(names)}")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    dataclass: Any = kind
    wanted = {f.name for f in fields(dataclass)}
    if set(values) != wanted:
        raise InputError(
            f"{path}: unknown keys {sorted(set(values) - wanted)}, "
            f"missing {sorted(wanted - set(values))}"
        )
    return kind(**(values | settings.values(kind, given)))
