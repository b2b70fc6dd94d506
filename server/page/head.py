"""The served page: its styles, its one script, and the data of the first card."""

import hashlib
import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import gradio as gr
from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from robustness import paths
from robustness.data import tasks
from robustness.paraphrasing import surface
from robustness.storage import files
from server import scripts
from server.page import shipped

STATIC = Path(__file__).with_name("static")
_DOCUMENT = Path(__file__).with_name("document.html")
_GRADIO = Path(gr.__file__).with_name("templates") / "frontend" / "gradio.js"
LANGUAGES = ("en", "de")


def words(language: str) -> dict[str, str]:
    """The page's words in a language."""
    found: dict[str, str] = files.read_json(STATIC / "words" / f"{language}.json")
    return found


def data(recorded: Path | None) -> dict[str, Any]:
    """The tasks, the opening examples and what alignment gains, for the first card.

    Args:
        recorded: Folder of the examples whose recorded replies are those of the models that are
            served; None: they have none, and only the wordings are shown.
    """
    examples = shipped.opening(recorded or paths.BACKBONE)
    return {
        "tasks": [
            {"id": t.id, "title": t.title, "fields": t.fields, "trained": t.trained}
            for t in tasks.listed()
        ],
        "rules": [r.name for r in first_of_families()],
        "opening": {"examples": [_slim(e, recorded is not None) for e in examples]},
        "gains": shipped.gains(recorded),
    }


def first_of_families() -> list[surface.Rule]:
    """The surface rules that the page offers: the first of each family that changes a text."""
    rules = [r for r in surface.RULES if r.change is not None]
    return [next(r for r in rules if r.family == f) for f in dict.fromkeys(r.family for r in rules)]


def _slim(example: dict[str, Any], recorded: bool) -> dict[str, Any]:
    """An opening example without what the page does not show of it before it is measured."""
    made = {name: example[name] for name in ("name", "asked")}
    if recorded:
        made["shown"] = {name: example["shown"][name] for name in ("look", "answers")}
    return made


@cache
def script() -> str:
    """The page's modules as one script."""
    return scripts.joined(STATIC, "app")


def html(recorded: Path | None) -> str:
    """The served page with its first card: nothing in it comes from another machine.

    Args:
        recorded: See `data`.
    """
    # A script ends at `</script>`, wherever it stands.
    inline = json.dumps(
        data(recorded), ensure_ascii=False, separators=(",", ":")
    ).replace("</", "<\\/")
    return Template(_DOCUMENT.read_text(encoding="utf-8")).substitute(
        style=(STATIC / "page.css").read_text(encoding="utf-8"), data=inline,
        version=hashlib.sha256(script().encode()).hexdigest()[:12],
    )


def routes(recorded: Path | None) -> APIRouter:
    """The page, its script, and the script that starts Gradio's tables on it.

    Args:
        recorded: See `data`.
    """
    router = APIRouter(include_in_schema=False)
    document = html(recorded)

    @router.api_route("/", methods=["GET", "HEAD"])
    def page() -> HTMLResponse:
        return HTMLResponse(document, headers={"Cache-Control": "no-cache"})

    @router.get("/page/static/page.js")
    def joined() -> Response:
        # Its address changes with its content.
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(script(), media_type="text/javascript", headers=headers)

    @router.get("/gradio.js")
    def tables() -> FileResponse:
        return FileResponse(_GRADIO, media_type="text/javascript")

    return router
