"""The login page in a browser, in either language."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from server import login
from server.access import Access
from server.gate import Gate
from server.headers import SafeHeaders
from server.settings import Settings

KEY = "k" * 24
ASKED = "/?w=Where+is+{name}?+{story}&t=place"


@pytest.mark.parametrize(("locale", "button"), [("en-US", "Log in"), ("de-DE", "Anmelden")])
def test_a_visitor_logs_in_and_sees_what_was_asked_for(
    browser: Browser, tmp_path: Path, serve: Callable, axe: Callable, locale: str, button: str
) -> None:
    def asked(request) -> HTMLResponse:
        return HTMLResponse(f"<!doctype html><title>x</title><p>{request.query_params['w']}</p>")

    gate = Gate(Starlette(routes=[Route("/", asked)]), Access(Settings(jobs=tmp_path, api_key=KEY)))
    app = login.Sessions(gate, secret="s", path="", framed=False)
    context = browser.new_context(locale=locale)
    with serve(SafeHeaders(app, framed_by=())) as url:
        page = context.new_page()
        page.goto(url + ASKED)
        axe(page, "the login")
        page.fill("#key", "wrong")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("alert")).not_to_be_empty()
        axe(page, "the login after a wrong key")
        page.fill("#key", KEY)
        page.get_by_role("button", name=button).click()
        expect(page.locator("p")).to_have_text("Where is {name}? {story}")
        assert unquote(page.url) == url + ASKED
    context.close()
