"""The page that describes the API, drawn from /openapi.json; one document with nothing outside."""

from functools import cache
from pathlib import Path
from string import Template

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from server import scripts

PATH = "/docs"
_STATIC = Path(__file__).with_name("static")
_DOCUMENT = Path(__file__).with_name("reference.html")


@cache
def html() -> str:
    """The document."""
    return Template(_DOCUMENT.read_text(encoding="utf-8")).substitute(
        style=(_STATIC / "page.css").read_text(encoding="utf-8"),
        script=scripts.joined(_STATIC, "docs"),
    )


def routes() -> APIRouter:
    """The endpoint `/docs`."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    def docs() -> HTMLResponse:
        return HTMLResponse(html())

    return router
