"""What ships beside a model for the page: its card, and replies to the opening examples."""

from functools import cache
from pathlib import Path
from typing import Any

from robustness import paths
from robustness.data import defaults
from robustness.models import papers
from robustness.models.load_options import PLAIN, PromptFormat
from robustness.storage import files
from server.settings import Settings

SCHEMA = 1
"""Of the opening examples."""
_OPENING = "opening.json"


def folder_of(settings: Settings) -> Path | None:
    """The folder of what ships of the model that is served; None where nothing does."""
    return None if settings.backend is not None else papers.shipped(settings.model)


def recorded(settings: Settings) -> Path | None:
    """The folder of the opening examples whose replies are those of the served models.

    None where the model does not ship, or is served otherwise than when they were recorded.
    """
    as_recorded = (
        not settings.prefixes and settings.indexes == paths.INDEXES
        and settings.loading == PLAIN and settings.prompt_format == PromptFormat.AUTO
    )
    return folder_of(settings) if as_recorded else None


def opening_file(folder: Path) -> Path:
    """The file of a model's opening examples."""
    return folder / _OPENING


@cache
def opening(folder: Path) -> list[dict[str, Any]]:
    """A model's opening examples: `name`, `shows`, `asked`, and the recorded replies in `shown`."""
    found: list[dict[str, Any]] = files.read_json(opening_file(folder), schema=SCHEMA)["examples"]
    return found


@cache
def card(folder: Path | None) -> dict[str, Any]:
    """The measured card of a model; empty where there is none."""
    path = None if folder is None else folder / "card.json"
    found: dict[str, Any] = files.read_json(path) if path and path.is_file() else {}
    return found


def gains(folder: Path | None) -> list[dict[str, Any]]:
    """What each shipped alignment gains on held-out instructions of all tasks, in points."""
    return [
        {name: row[name] for name in ("model", "value", "low", "high")}
        for row in card(folder).get("gains", ())
        if row["collection"] == defaults.UNOBSERVED_TEST and row["task_type"] == "all"
    ]
