"""The web manifest, by which the page can be installed, with addresses that hold below a prefix.

The icons in Gradio's own begin with a slash, so that a browser looks for them outside the prefix.
"""

from fastapi import APIRouter
from starlette.responses import JSONResponse

_SIZES = (192, 512)


def routes() -> APIRouter:
    """The manifest; the addresses in it are relative to its own."""
    router = APIRouter(include_in_schema=False)
    icons = [
        {"src": f"pwa_icon/{size}", "sizes": f"{size}x{size}", "type": "image/png",
         "purpose": "any"}
        for size in _SIZES
    ]
    document = {"name": "Steadfast", "icons": icons, "start_url": "./", "display": "standalone"}

    @router.get("/manifest.json")
    def manifest() -> JSONResponse:
        return JSONResponse(document, media_type="application/manifest+json")

    return router
