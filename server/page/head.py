"""What stands in the head of the served page: styles, scripts, and the data of the first card."""

import json
from html import escape
from pathlib import Path
from typing import Any

from robustness import paths
from robustness.data import tasks
from robustness.storage import files
from server.page import findings_data

STATIC = Path(__file__).with_name("static")
OPENING = paths.ASSETS / "examples" / "opening.json"
SCHEMA = 1
LANGUAGES = ("en", "de")


def words(language: str) -> dict[str, str]:
    """The page's words in a language."""
    found: dict[str, str] = files.read_json(STATIC / "words" / f"{language}.json")
    return found


def opening() -> dict[str, Any]:
    """The opening examples with the replies that were recorded for them."""
    found: dict[str, Any] = files.read_json(OPENING, schema=SCHEMA)
    return found


def data(*, recorded: bool = True) -> dict[str, Any]:
    """The tasks, the opening examples and what alignment gains, for the first card.

    Args:
        recorded: Whether the replies that were recorded on the shipped models are those of the
            models that are served.
    """
    return {
        "tasks": [
            {"id": t.id, "title": t.title, "fields": t.fields, "trained": t.trained}
            for t in tasks.listed()
        ],
        "opening": {"examples": [_slim(e, recorded) for e in opening()["examples"]]},
        "gains": findings_data.gains() if recorded else [],
    }


def _slim(example: dict[str, Any], recorded: bool) -> dict[str, Any]:
    """An opening example without what the page does not show of it before it is measured."""
    made = {name: example[name] for name in ("name", "asked")}
    if recorded:
        made["shown"] = {name: example["shown"][name] for name in ("look", "answers")}
    return made


def html(*, recorded: bool = True) -> str:
    """The head: nothing in it comes from another machine. `recorded`: see `data`."""
    # A script ends at `</script>`, wherever it stands.
    inline = json.dumps(
        data(recorded=recorded), ensure_ascii=False, separators=(",", ":")
    ).replace("</", "<\\/")
    modules = sorted(p.name for p in STATIC.glob("*.js") if p.stem != "docs")
    return "\n".join(
        [
            '<link rel="stylesheet" href="page/static/page.css">',
            *(f'<link rel="modulepreload" href="page/static/{escape(m)}">' for m in modules),
            f'<script type="application/json" id="sf-data">{inline}</script>',
            '<script type="module" src="page/static/app.js"></script>',
        ]
    )
